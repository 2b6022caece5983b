use sqlx::PgPool;

use super::*;

const KEEP: settings::Retention = settings::Retention {
    operations_days: 90,
    events_days: 30,
    workers_days: 30,
    idempotency_days: 1,
};

/// `operations` of `items` that ended so many days ago, each with its event.
async fn ended(pool: &PgPool, operations: i32, items: i32, days: i32) {
    sqlx::query(
        "with made as (
             insert into tenantry.operations (id, state, mode, total, finished_at)
             select gen_random_uuid(), 'completed', 'independent', $2, now() - make_interval(days => $3)
             from generate_series(1, $1) returning id, finished_at
         ), events as (
             insert into tenantry.outbox (kind, operation_id, run, payload, created_at)
             select 'operation.finished', id, 1, '{}', finished_at from made
         ), items as (
             insert into tenantry.operation_items (operation_id, idx, state, input)
             select id, n - 1, 'succeeded', '{}' from made, generate_series(1, $2) n returning id
         )
         insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select id, 's', 1, '[]' from items",
    )
    .bind(operations)
    .bind(items)
    .bind(days)
    .execute(pool)
    .await
    .unwrap();
}

/// Operations, items, checkpoints and events.
async fn left(pool: &PgPool) -> [i64; 4] {
    let (operations, items, checkpoints, events) = sqlx::query_as(
        "select (select count(*) from tenantry.operations), (select count(*) from tenantry.operation_items),
                (select count(*) from tenantry.checkpoints), (select count(*) from tenantry.outbox)",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    [operations, items, checkpoints, events]
}

async fn months(pool: &PgPool) -> i64 {
    let parts = "select count(*) from pg_inherits where inhparent = 'tenantry.audit_log'::regclass";
    sqlx::query_scalar(parts).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_round_works_off_a_backlog_and_leaves_what_is_young() {
    let db = harness::fresh_db().await;
    ended(&db.pool, 350, 2, 91).await;
    ended(&db.pool, 1, 2_500, 400).await;
    ended(&db.pool, 3, 2, 89).await;
    ended(&db.pool, 5, 2, 1).await;

    prune(&db.pool.clone().into(), KEEP).await.unwrap();

    assert_eq!(left(&db.pool).await, [8, 16, 16, 5]);
    assert_eq!(months(&db.pool).await, 4);
    let audited: Vec<(String, i64)> = sqlx::query_as(
        "select actor || ' ' || action, sum((detail ->> 'operations')::int) from tenantry.audit_log group by 1",
    )
    .fetch_all(&db.pool)
    .await
    .unwrap();
    assert_eq!(audited, [("sweeper operations.pruned".to_owned(), 351)]);
}

#[tokio::test]
async fn zero_days_keep_for_ever_and_end_what_was_begun() {
    let db = harness::fresh_db().await;
    ended(&db.pool, 2, 3, 1_000).await;
    let pool = db.pool.clone().into();
    let for_ever = settings::Retention { operations_days: 0, events_days: 0, ..KEEP };

    prune(&pool, for_ever).await.unwrap();
    let all = left(&db.pool).await;
    let mut conn = db.pool.acquire().await.unwrap();
    retention::prune_operations(&mut conn, 90, Cursor::START, 1).await.unwrap();
    prune(&pool, for_ever).await.unwrap();

    assert_eq!((all, left(&db.pool).await), ([2, 6, 6, 2], [1, 3, 3, 2]));
}

#[tokio::test]
async fn while_one_worker_deletes_the_others_leave_it_to_that_one() {
    let db = harness::fresh_db().await;
    ended(&db.pool, 1, 1, 91).await;
    let mut one = db.pool.begin().await.unwrap();
    assert!(retention::lease(&mut one).await.unwrap());

    prune(&db.pool.clone().into(), KEEP).await.unwrap();
    let meanwhile = (left(&db.pool).await, months(&db.pool).await);
    one.commit().await.unwrap();
    prune(&db.pool.clone().into(), KEEP).await.unwrap();

    assert_eq!(meanwhile, ([1, 1, 1, 1], 1));
    assert_eq!((left(&db.pool).await, months(&db.pool).await), ([0, 0, 0, 0], 4));
}

#[tokio::test]
async fn a_log_in_use_does_not_hold_up_the_deleting() {
    let db = harness::fresh_db().await;
    ended(&db.pool, 1, 1, 91).await;
    let mut backup = db.pool.begin().await.unwrap();
    sqlx::query("select from tenantry.audit_log").execute(&mut *backup).await.unwrap();

    prune(&db.pool.clone().into(), KEEP).await.unwrap();

    assert_eq!((left(&db.pool).await, months(&db.pool).await), ([0, 0, 0, 0], 1));
}
