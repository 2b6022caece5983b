//! What brings items back to work, and starts operations whose time has come.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::time::Duration;

use domain::{ItemId, OperationId};
use engine::control::{free_the_dead, give_back_forgotten, revive_stranded, start_due};
use sqlx::{PgPool, types::Uuid};
use store::{audit::By, workers};

/// An item in `state`, owned by `worker` if it is not empty.
async fn item(pool: &PgPool, state: &str, worker: &str) -> ItemId {
    let id: i64 = sqlx::query_scalar(
        "with b as (insert into tenantry.operations (id, state, mode, total)
                    values (gen_random_uuid(), 'running', 'independent', 1) returning id)
         insert into tenantry.operation_items (operation_id, idx, state, worker_id, attempt, input)
         select id, 0, $1, nullif($2, ''), 1, '{}' from b returning id",
    )
    .bind(state)
    .bind(worker)
    .fetch_one(pool)
    .await
    .unwrap();
    ItemId::new(id)
}

async fn wake(pool: &PgPool, item: ItemId) {
    let mut conn = pool.acquire().await.unwrap();
    queue::wake(&mut conn, &[(item, domain::Kind::Provision)], Duration::ZERO).await.unwrap();
}

async fn row(pool: &PgPool, item: ItemId) -> (String, Option<String>) {
    sqlx::query_as("select state, worker_id from tenantry.operation_items where id = $1")
        .bind(item.get())
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn has_live_job(pool: &PgPool, item: ItemId) -> bool {
    let mut conn = pool.acquire().await.unwrap();
    queue::without_live_job(&mut conn, &[item]).await.unwrap().is_empty()
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn execute(pool: &PgPool, sql: &'static str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

const JOBS: &str = "select count(*) from apalis.jobs";

#[tokio::test]
async fn an_item_whose_job_was_lost_gets_a_new_one() {
    let db = harness::fresh_db().await;
    let used_up = item(&db.pool, "queued", "").await;
    wake(&db.pool, used_up).await;
    execute(&db.pool, "update apalis.jobs set status = 'Done', done_at = now()").await;
    let never_had = item(&db.pool, "retrying", "").await;

    let revived = revive_stranded(&db.pool.clone().into(), Duration::ZERO).await.unwrap();

    assert_eq!(revived, 2);
    assert!(has_live_job(&db.pool, used_up).await && has_live_job(&db.pool, never_had).await);
}

#[tokio::test]
async fn an_item_that_any_job_will_bring_gets_no_other() {
    let db = harness::fresh_db().await;
    let waiting = item(&db.pool, "retrying", "").await;
    wake(&db.pool, waiting).await;
    wake(&db.pool, waiting).await;
    execute(&db.pool, "delete from apalis.jobs where id = (select max(id) from apalis.jobs)").await;

    let revived = revive_stranded(&db.pool.clone().into(), Duration::ZERO).await.unwrap();

    assert_eq!((revived, count(&db.pool, JOBS).await), (0, 1));
}

#[tokio::test]
async fn workers_that_come_at_once_wake_an_item_once() {
    let db = harness::fresh_db().await;
    for _ in 0..20 {
        item(&db.pool, "queued", "").await;
    }

    let pool = db.pool.clone().into();
    let revive = || revive_stranded(&pool, Duration::ZERO);
    let (a, b, c) = tokio::join!(revive(), revive(), revive());

    assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 20);
    assert_eq!(count(&db.pool, JOBS).await, 20);
}

#[tokio::test]
async fn an_item_that_just_came_is_not_looked_at() {
    let db = harness::fresh_db().await;
    item(&db.pool, "queued", "").await;

    let revived = revive_stranded(&db.pool.clone().into(), Duration::from_secs(60)).await.unwrap();

    assert_eq!(revived, 0);
}

#[tokio::test]
async fn an_item_of_a_paused_batch_gets_no_job() {
    let db = harness::fresh_db().await;
    item(&db.pool, "queued", "").await;
    execute(&db.pool, "update tenantry.operations set paused_at = now()").await;

    let revived = revive_stranded(&db.pool.clone().into(), Duration::ZERO).await.unwrap();

    assert_eq!(revived, 0);
}

#[tokio::test]
async fn what_a_worker_owns_and_forgot_is_given_back() {
    let db = harness::fresh_db().await;
    let forgotten = item(&db.pool, "running", "me").await;
    let turning_back = item(&db.pool, "unwinding", "me").await;
    let in_work = item(&db.pool, "running", "me").await;
    let anothers = item(&db.pool, "running", "you").await;

    let pool = db.pool.clone().into();
    give_back_forgotten(&pool, "me", |item| item == in_work).await.unwrap();

    assert_eq!(row(&db.pool, forgotten).await, ("retrying".into(), None));
    assert_eq!(row(&db.pool, turning_back).await, ("unwinding".into(), None));
    assert!(has_live_job(&db.pool, forgotten).await && has_live_job(&db.pool, turning_back).await);
    assert_eq!(row(&db.pool, in_work).await, ("running".into(), Some("me".into())));
    assert_eq!(row(&db.pool, anothers).await, ("running".into(), Some("you".into())));
    assert_eq!(count(&db.pool, JOBS).await, 2);
}

#[tokio::test]
async fn what_a_stopped_worker_owned_is_given_back_though_its_job_is_used_up() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    for worker in ["stopped", "alive"] {
        workers::register(&mut conn, &claimant(worker), "here", 1, "test").await.unwrap();
    }
    workers::retire(&mut conn, "stopped").await.unwrap();
    let abandoned = item(&db.pool, "running", "stopped").await;
    let in_work = item(&db.pool, "running", "alive").await;

    give_back_forgotten(&db.pool.clone().into(), "me", |_| false).await.unwrap();

    assert_eq!(row(&db.pool, abandoned).await, ("retrying".into(), None));
    assert!(has_live_job(&db.pool, abandoned).await);
    assert_eq!(row(&db.pool, in_work).await.0, "running");
}

#[tokio::test]
async fn only_silent_workers_are_buried_and_only_once() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    for worker in ["silent", "alive"] {
        workers::register(&mut conn, &claimant(worker), "here", 1, "test").await.unwrap();
    }
    execute(
        &db.pool,
        "update tenantry.workers set seen_at = now() - interval '1 hour' where id = 'silent'",
    )
    .await;

    free_the_dead(&db.pool.clone().into(), Duration::from_secs(60)).await.unwrap();
    let again = workers::bury(&mut conn, Duration::from_secs(60)).await.unwrap();
    let silent_may_go_on = workers::beat(&mut conn, "silent").await.unwrap();
    let alive_may_go_on = workers::beat(&mut conn, "alive").await.unwrap();

    assert_eq!(again, Vec::<String>::new());
    assert!(!silent_may_go_on && alive_may_go_on);
}

/// An operation of `items` tenants that is to start `secs` from now.
async fn scheduled(pool: &PgPool, items: i32, secs: i32) -> OperationId {
    let id: Uuid = sqlx::query_scalar(
        "with b as (
             insert into tenantry.operations (id, state, mode, total, run_at)
             values (gen_random_uuid(), 'queued', 'independent', $1,
                     now() + make_interval(secs => $2))
             returning id, run_at
         ), i as (
             insert into tenantry.operation_items (operation_id, idx, state, input, next_attempt_at)
             select b.id, n, 'queued', '{}', b.run_at from b, generate_series(1, $1) as n
         )
         select id from b",
    )
    .bind(items)
    .bind(secs)
    .fetch_one(pool)
    .await
    .unwrap();
    OperationId::new(id)
}

async fn jobs(pool: &PgPool, operation: OperationId) -> i64 {
    sqlx::query_scalar(
        "select count(*) from tenantry.operation_items i join apalis.jobs j
              on (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id
         where i.operation_id = $1",
    )
    .bind(operation.get())
    .fetch_one(pool)
    .await
    .unwrap()
}

async fn start(pool: &PgPool) -> u64 {
    start_due(&pool.clone().into(), By::process("sweeper")).await.unwrap()
}

#[tokio::test]
async fn a_batch_starts_when_its_time_has_come_and_not_before() {
    let db = harness::fresh_db().await;
    let due = scheduled(&db.pool, 3, -1).await;
    let later = scheduled(&db.pool, 3, 3600).await;

    let started = start(&db.pool).await;

    assert_eq!(started, 1);
    assert_eq!((jobs(&db.pool, due).await, jobs(&db.pool, later).await), (3, 0));
    let audited: Vec<(String, Uuid)> =
        sqlx::query_as("select actor || ' ' || action, operation_id from tenantry.audit_log")
            .fetch_all(&db.pool)
            .await
            .unwrap();
    assert_eq!(audited, [("sweeper operation.started".to_owned(), due.get())]);
}

#[tokio::test]
async fn sweepers_that_come_at_once_start_a_batch_once() {
    let db = harness::fresh_db().await;
    let operation = scheduled(&db.pool, 5, -1).await;

    let (a, b, c) = tokio::join!(start(&db.pool), start(&db.pool), start(&db.pool));

    assert_eq!(a + b + c, 1);
    assert_eq!((jobs(&db.pool, operation).await, count(&db.pool, JOBS).await), (5, 5));
}

#[tokio::test]
async fn what_is_paused_or_cancelled_does_not_start() {
    let db = harness::fresh_db().await;
    let paused = scheduled(&db.pool, 2, -1).await;
    execute(&db.pool, "update tenantry.operations set paused_at = now()").await;
    let cancelled = scheduled(&db.pool, 2, -1).await;
    sqlx::query(
        "update tenantry.operations set state = 'cancelled', finished_at = now() where id = $1",
    )
    .bind(cancelled.get())
    .execute(&db.pool)
    .await
    .unwrap();

    let while_paused = start(&db.pool).await;
    execute(&db.pool, "update tenantry.operations set paused_at = null").await;
    execute(&db.pool, "update tenantry.installation set paused_at = now()").await;
    let while_the_queue_is = start(&db.pool).await;
    execute(&db.pool, "update tenantry.installation set paused_at = null").await;
    let after = start(&db.pool).await;

    assert_eq!((while_paused, while_the_queue_is, after), (0, 0, 1));
    assert_eq!((jobs(&db.pool, paused).await, jobs(&db.pool, cancelled).await), (2, 0));
}

fn claimant(worker: &str) -> store::items::Claimant<'_> {
    store::items::Claimant { worker, kinds: domain::Kind::ALL, set: "", dead_after: Duration::ZERO }
}
