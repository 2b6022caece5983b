//! What a claim reads does not depend on how much else there is to do, whatever the server's
//! statistics make of it.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the failure")]

mod bench;

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use crate::bench::{WORKER, by, register, submit};

/// Rows of the tenants and of the items that this session has fetched by index and not reported
/// yet. A server reports at most once a second, between transactions: what earlier ones fetched may
/// be among them, so only the difference within one transaction says what a statement has read.
const FETCHED: &str = "select sum(idx_tup_fetch)::bigint from pg_stat_xact_user_tables
    where relid in ('tenantry.tenants'::regclass, 'tenantry.operation_items'::regclass)";

async fn fetched(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar(FETCHED).fetch_one(conn).await.unwrap()
}

/// Others' work: `active` tenants, then `pending` ones, each with an item that somebody works on.
const OTHERS: &str = "
    with made as (
        insert into tenantry.tenants (name, domain, schema_name, role_name, state)
        select state || n, state || n || '.example', state || n, 'role_of_' || state || n, state
        from (values ('active', $1), ('pending', $2)) s (state, count), generate_series(1, count) n
        order by state, n
        returning id, state
    ), operation as (
        insert into tenantry.operations (id, state, mode, total)
        values (gen_random_uuid(), 'running', 'independent', $1 + $2) returning id
    )
    insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input, worker_id, attempt)
    select operation.id, row_number() over (),
        case made.state when 'pending' then 'running' else 'succeeded' end, made.id, '{}',
        'somebody', 1
    from made, operation";

async fn fill(pool: &PgPool, active: i32, pending: i32) {
    sqlx::query(OTHERS).bind(active).bind(pending).execute(pool).await.unwrap();
    sqlx::query("analyze tenantry.tenants, tenantry.operation_items").execute(pool).await.unwrap();
}

#[tokio::test]
async fn a_claim_reads_its_own_item_and_one_neighbour_among_thousands_at_work() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    register(&db.pool, "somebody").await;
    fill(&db.pool, 3_000, 2_000).await;
    let (item, _) = submit(&db.pool, "anne").await;
    let mut tx = db.pool.begin().await.unwrap();
    // As workers' sessions are: see store::by_key.
    for scan in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"] {
        let off = sqlx::query("select set_config($1, 'off', true)").bind(scan);
        off.execute(&mut *tx).await.unwrap();
    }

    let minute = Duration::from_secs(60);
    let before = fetched(&mut tx).await;
    let claims = store::items::claim(&mut tx, &[item], &by(minute)).await.unwrap();
    let fetched = fetched(&mut tx).await - before;

    let neighbour = claims[0].neighbour.as_ref().map(|schema| schema.as_str());
    assert_eq!(neighbour, Some("active3000"));
    assert!(fetched <= 20, "{fetched} rows were fetched");
}

#[tokio::test]
async fn a_neighbour_whose_name_cannot_be_read_keeps_nobody_from_being_made() {
    let db = harness::fresh_db().await;
    register(&db.pool, WORKER).await;
    register(&db.pool, "somebody").await;
    fill(&db.pool, 1, 0).await;
    sqlx::query("update tenantry.tenants set schema_name = 'no such'")
        .execute(&db.pool)
        .await
        .unwrap();
    let (item, _) = submit(&db.pool, "anne").await;
    let mut conn = db.pool.acquire().await.unwrap();

    let minute = Duration::from_secs(60);
    let claims = store::items::claim(&mut conn, &[item], &by(minute)).await.unwrap();

    assert_eq!((claims.len(), claims[0].neighbour.as_ref()), (1, None));
}
