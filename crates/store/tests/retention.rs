//! What has ended and is old goes in portions, at a cost that does not follow the history; what still
//! matters stays.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use domain::OperationId;
use harness::Db;
use sqlx::{PgConnection, PgPool};
use store::{
    idempotency::{self, Claimed},
    operations,
    retention::{self, Cursor},
};

/// Ended 100 days ago, one a kind; `young` and `open` are the last two.
const KINDS: &str = "
    insert into tenantry.tenants (id, name, domain, schema_name, role_name, state, activated_at)
    select n, 'T', 't' || n, 't' || n, 'r' || n, 'active', now() from generate_series(1, 5) n;
    insert into tenantry.operations (id, state, mode, total, finished_at)
    select ('00000000-0000-7000-8000-00000000000' || n)::uuid,
           case when n = 5 then 'running' else 'completed' end, 'independent', 1,
           case when n < 4 then now() - interval '100 days' when n = 4 then now() - interval '1 day' end
    from generate_series(1, 5) n;
    insert into tenantry.operation_items (id, operation_id, idx, state, tenant_id, input)
    select n, ('00000000-0000-7000-8000-00000000000' || n)::uuid, 0,
           case n when 2 then 'undo_failed' when 5 then 'running' else 'succeeded' end, n, '{}'
    from generate_series(1, 5) n;
    insert into tenantry.checkpoints (item_id, stage, attempt, steps)
    select n, 's', 1, '[]' from generate_series(1, 5) n;
    insert into tenantry.api_keys (tenant_id, operation_id, hash, prefix, last4, sealed, sealed_until)
    select 3, '00000000-0000-7000-8000-000000000003', sha256('x'), 'tk_', 'abcd', 'x', now()";

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

async fn texts(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// Everything that may go, in one transaction.
async fn prune_all(pool: &PgPool, days: i32) -> i64 {
    let mut conn = pool.acquire().await.unwrap();
    let (mut after, mut pruned) = (Cursor::START, 0);
    while let Some(portion) = retention::prune_operations(&mut conn, days, after, 2).await.unwrap()
    {
        (after, pruned) = (portion.next, pruned + portion.pruned);
    }
    while retention::prune_items(&mut conn, 100).await.unwrap() {}
    pruned
}

#[tokio::test]
async fn only_what_ended_long_ago_and_needs_nobody_goes() {
    let db = harness::fresh_db().await;
    run(&db.pool, KINDS).await;

    let pruned = prune_all(&db.pool, 90).await;

    let left =
        texts(&db.pool, "select right(id::text, 1) from tenantry.operations order by 1").await;
    assert_eq!((pruned, left), (1, vec!["2".into(), "3".into(), "4".into(), "5".into()]));
    let items = "select id::text from tenantry.operation_items order by id";
    assert_eq!(texts(&db.pool, items).await, ["2", "3", "4", "5"]);
    let stages = "select item_id::text from tenantry.checkpoints order by item_id";
    assert_eq!(texts(&db.pool, stages).await, ["2", "3", "4", "5"]);
    assert_eq!(number(&db.pool, "select count(*) from tenantry.tenants").await, 5);
    assert_eq!(number(&db.pool, "select count(*) from tenantry.pruned_operations").await, 0);

    // a person saw to the second one, and the keys of the third were erased
    run(
        &db.pool,
        "update tenantry.operation_items set state = 'failed' where state = 'undo_failed'",
    )
    .await;
    run(&db.pool, "update tenantry.api_keys set sealed = null, sealed_until = null").await;
    assert_eq!(prune_all(&db.pool, 90).await, 2);
}

#[tokio::test]
async fn a_batch_that_is_retried_meanwhile_is_left_to_whoever_retries_it() {
    let db = harness::fresh_db().await;
    run(&db.pool, KINDS).await;
    let mut retry = db.pool.begin().await.unwrap();
    sqlx::query(
        "update tenantry.operations set finished_at = null, state = 'queued' where id::text like '%1'",
    )
    .execute(&mut *retry)
    .await
    .unwrap();

    let pruned = prune_all(&db.pool, 90).await;
    retry.commit().await.unwrap();

    assert_eq!((pruned, prune_all(&db.pool, 90).await), (0, 0));
}

#[tokio::test]
async fn batches_are_gone_at_once_and_their_items_follow_in_portions() {
    let db = harness::fresh_db().await;
    let operation = history(&db, 2, 1_250).await;
    let mut conn = db.pool.acquire().await.unwrap();

    let portion = retention::prune_operations(&mut conn, 90, Cursor::START, 100).await.unwrap();
    let seen = operations::find(&mut conn, operation).await.unwrap();
    let mut left = Vec::new();
    while retention::prune_items(&mut conn, 1_000).await.unwrap() {
        left.push(number(&db.pool, "select count(*) from tenantry.operation_items").await);
    }

    assert_eq!((portion.unwrap().pruned, seen.is_some()), (2, false));
    assert_eq!(left, [1_500, 500, 0]);
    assert_eq!(number(&db.pool, "select count(*) from tenantry.checkpoints").await, 0);
}

#[tokio::test]
async fn events_workers_and_keys_go_by_their_own_age() {
    let db = harness::fresh_db().await;
    run(
        &db.pool,
        "insert into tenantry.outbox (kind, payload, created_at)
         select 'x', '{}', now() - n * interval '1 day' from generate_series(40, 21, -1) n;
         insert into tenantry.workers (id, host, pid, version, seen_at, stopped_at)
         values ('old', 'h', 1, 'v', now(), now() - interval '31 days'),
                ('owner', 'h', 1, 'v', now(), now() - interval '31 days'),
                ('young', 'h', 1, 'v', now(), now()),
                ('alive', 'h', 1, 'v', now() - interval '31 days', null);
         insert into tenantry.operations (id, state, mode, total)
         values ('00000000-0000-7000-8000-000000000001', 'running', 'independent', 1);
         insert into tenantry.operation_items (operation_id, idx, state, worker_id, input)
         values ('00000000-0000-7000-8000-000000000001', 0, 'running', 'owner', '{}');
         insert into tenantry.idempotency_keys (caller, key, body_hash, operation_id, created_at)
         values (1, 'old', 'x', gen_random_uuid(), now() - interval '49 hours'),
                (1, 'young', 'x', gen_random_uuid(), now() - interval '47 hours')",
    )
    .await;
    let mut conn = db.pool.acquire().await.unwrap();

    let events = [
        retention::prune_events(&mut conn, 30, 7).await.unwrap(),
        retention::prune_events(&mut conn, 30, 7).await.unwrap(),
        retention::prune_events(&mut conn, 30, 7).await.unwrap(),
    ];
    let workers = retention::prune_workers(&mut conn, 30, 10).await.unwrap();
    let keys = idempotency::forget_expired(&mut conn, 2, 10).await.unwrap();

    assert_eq!((events, workers, keys), ([7, 4, 0], 1, 1));
    assert_eq!(number(&db.pool, "select count(*) from tenantry.outbox").await, 9);
    let left = texts(&db.pool, "select id from tenantry.workers order by id").await;
    assert_eq!(left, ["alive", "owner", "young"]);
}

#[tokio::test]
async fn a_key_stands_for_its_batch_as_long_as_the_settings_say() {
    let db = harness::fresh_db().await;
    run(
        &db.pool,
        "insert into tenantry.idempotency_keys (caller, key, body_hash, operation_id, created_at)
         values (1, 'k', 'x', gen_random_uuid(), now() - interval '47 hours')",
    )
    .await;
    let mut conn = db.pool.acquire().await.unwrap();
    let caller = domain::OperatorId::new(1);
    let once = |days| idempotency::Once { caller, key: "k", body_hash: &[0; 32], days };
    let becomes = || idempotency::Became::Operation(OperationId::mint());

    let within = idempotency::claim(&mut conn, once(2), becomes()).await.unwrap();
    let after = idempotency::claim(&mut conn, once(1), becomes()).await.unwrap();

    assert_eq!((within, after), (Claimed::ByAnother, Claimed::Now));
}

/// `operations` of `items` that ended 100 days ago, the statistics of an empty table; the last of them.
async fn history(db: &Db, operations: i32, items: i32) -> OperationId {
    run(&db.pool, "analyze tenantry.operations, tenantry.operation_items, tenantry.checkpoints")
        .await;
    let id = sqlx::query_scalar(
        "with made as (
             insert into tenantry.operations (id, state, mode, total, finished_at)
             select gen_random_uuid(), 'completed', 'independent', $2, now() - interval '100 days'
             from generate_series(1, $1) returning id
         ), items as (
             insert into tenantry.operation_items (operation_id, idx, state, input)
             select id, n - 1, 'succeeded', '{}' from made, generate_series(1, $2) n returning id
         ), stages as (
             insert into tenantry.checkpoints (item_id, stage, attempt, steps)
             select id, 's', 1, '[]' from items
         )
         select id from made limit 1",
    )
    .bind(operations)
    .bind(items)
    .fetch_one(&db.pool)
    .await
    .unwrap();
    OperationId::new(id)
}

/// Rows of Tenantry's tables that this transaction has read: in all, and one after the other.
async fn read(conn: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as(
        "select sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)::bigint, sum(seq_tup_read)::bigint
         from pg_stat_xact_user_tables where schemaname = 'tenantry'",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_portion_costs_the_same_whatever_the_history() {
    let mut costs = Vec::new();
    for operations in [200, 4_000] {
        let db = harness::fresh_db().await;
        history(&db, operations, 5).await;
        run(
            &db.pool,
            "insert into tenantry.outbox (kind, payload) select 'x', '{}' from generate_series(1, 5000);
             insert into tenantry.workers (id, host, pid, version, stopped_at)
             select n, 'h', 1, 'v', now() from generate_series(1, 5000) n",
        )
        .await;
        let mut tx = db.pool.begin().await.unwrap();
        // as the sessions of a worker have it
        sqlx::raw_sql(
            "set local enable_seqscan = off; set local enable_hashjoin = off;
             set local enable_mergejoin = off",
        )
        .execute(&mut *tx)
        .await
        .unwrap();

        assert!(retention::lease(&mut tx).await.unwrap());
        let portion = retention::prune_operations(&mut tx, 90, Cursor::START, 100).await.unwrap();
        assert!(retention::prune_items(&mut tx, 100).await.unwrap());
        retention::prune_events(&mut tx, 30, 100).await.unwrap();
        retention::prune_workers(&mut tx, 30, 100).await.unwrap();

        assert_eq!(portion.unwrap().pruned, 100);
        costs.push(read(&mut tx).await);
    }
    let [(small, _), (large, in_a_row)] = costs[..] else { unreachable!() };
    assert!(large <= small + 100, "{costs:?}");
    assert!(in_a_row <= 200, "{costs:?}");
}
