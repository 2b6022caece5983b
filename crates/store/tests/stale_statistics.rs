//! What works on whole operations takes time in proportion to the operation, also when the planner's
//! statistics are of a time at which nothing waited: each night but for the first operation's minutes.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use domain::{ItemError, ItemId, OperationId, TenantId, codes};
use harness::Db;
use sqlx::{PgConnection, PgPool};
use store::{
    items::{self, Requeued},
    operations, tenants,
};

/// Items of each of the two operations. A nested loop over those of one and the tenants of both takes
/// half a minute; one look-up for each item a second.
const ITEMS: i32 = 8_000;

/// Longest that one statement may take.
const LIMIT: &str = "set local statement_timeout = '8s'";

/// Done tenants, statistics, then two operations that wait.
async fn busy_morning() -> (Db, OperationId) {
    let db = harness::fresh_db().await;
    sqlx::raw_sql(
        "insert into tenantry.operations (id, state, mode, total, finished_at)
         values ('00000000-0000-7000-8000-000000000000', 'completed', 'independent', 500, now());
         insert into tenantry.tenants (name, domain, schema_name, role_name, state)
         select 'T', 'old' || g, 'old' || g, 'old' || g, 'active' from generate_series(1, 500) g;
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select '00000000-0000-7000-8000-000000000000', id, 'succeeded', id, '{}' from tenantry.tenants;
         insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select id, 's', 1, '[]' from tenantry.operation_items;
         analyze tenantry.tenants, tenantry.operations, tenantry.operation_items, tenantry.checkpoints",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let operation = waiting(&db.pool, 'a').await;
    waiting(&db.pool, 'b').await;
    (db, operation)
}

/// An operation all of which waits.
async fn waiting(pool: &PgPool, name: char) -> OperationId {
    let operation = OperationId::mint();
    sqlx::query(
        "with operation as (
             insert into tenantry.operations (id, state, mode, total, deadline_at)
             values ($1, 'queued', 'atomic', $2, now() - interval '1 minute')
         ), made as (
             insert into tenantry.tenants (name, domain, schema_name, role_name)
             select 'T', $3 || g, $3 || g, $3 || g from generate_series(1, $2) g returning id
         )
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select $1, row_number() over (), 'queued', id, '{}' from made",
    )
    .bind(operation.get())
    .bind(ITEMS)
    .bind(name.to_string())
    .execute(pool)
    .await
    .unwrap();
    operation
}

async fn put(conn: &mut PgConnection, state: &str, operation: OperationId) {
    sqlx::query("update tenantry.operation_items set state = $2 where operation_id = $1")
        .bind(operation.get())
        .bind(state)
        .execute(conn)
        .await
        .unwrap();
}

/// The items of `operation` with their tenants.
async fn rows(conn: &mut PgConnection, operation: OperationId) -> Vec<(ItemId, TenantId)> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "select id, tenant_id from tenantry.operation_items where operation_id = $1",
    )
    .bind(operation.get())
    .fetch_all(conn)
    .await
    .unwrap();
    rows.into_iter().map(|(item, tenant)| (ItemId::new(item), TenantId::new(tenant))).collect()
}

async fn run(conn: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(conn).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_or_overdue_batch_gives_its_names_back_in_time() {
    let (db, operation) = busy_morning().await;
    let items = u64::from(ITEMS.unsigned_abs());

    let mut tx = db.pool.begin().await.unwrap();
    run(&mut tx, LIMIT).await;
    let cancelled =
        items::cancel_waiting(&mut tx, operation, &codes::CANCELLED, "why").await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.pool.begin().await.unwrap();
    run(&mut tx, LIMIT).await;
    let overdue = operations::cancel_overdue(&mut tx, operation).await.unwrap();

    assert_eq!((cancelled, overdue), (items, items));
}

#[tokio::test]
async fn a_batch_that_is_all_or_nothing_is_activated_or_turned_back_in_time() {
    let (db, operation) = busy_morning().await;
    let mut conn = db.pool.acquire().await.unwrap();
    put(&mut conn, "built", operation).await;

    let mut tx = db.pool.begin().await.unwrap();
    run(&mut tx, LIMIT).await;
    let active = items::activate_built(&mut tx, operation).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.pool.begin().await.unwrap();
    run(&mut tx, LIMIT).await;
    let reason = ItemError::rejected(codes::CANCELLED, "it was cancelled");
    let turned = items::turn_built_back(&mut tx, operation, &reason).await.unwrap();

    let items = ITEMS.unsigned_abs() as usize;
    assert_eq!((active.len(), turned.len()), (items, items));
}

#[tokio::test]
async fn a_batch_is_retried_in_time() {
    let (db, operation) = busy_morning().await;
    let mut tx = db.pool.begin().await.unwrap();
    put(&mut tx, "failed", operation).await;
    let (ids, requeued): (Vec<TenantId>, Vec<Requeued>) = rows(&mut tx, operation)
        .await
        .into_iter()
        .map(|(id, tenant)| {
            let text = id.to_string();
            let (domain, schema) = (text.clone(), text);
            (tenant, Requeued { id, tenant, domain, schema })
        })
        .unzip();
    run(&mut tx, LIMIT).await;

    let revived = tenants::revive(&mut tx, &ids).await.unwrap();
    items::requeue(&mut tx, &requeued).await.unwrap();

    assert_eq!(revived.len(), ids.len());
}
