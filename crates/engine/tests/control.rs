//! What brings items back to work, and starts operations whose time has come.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::time::Duration;

use domain::{ItemId, OperationId, TenantId};
use engine::control::{
    Again, again, free_the_dead, give_back_forgotten, pass_on, release, revive_stranded, start_due,
    wake_set,
};
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

/// An item in `state` of an operation with these parameters, on the tenant with this id.
async fn on_tenant(pool: &PgPool, state: &str, params: &str, tenant: i64) -> (OperationId, ItemId) {
    sqlx::query(
        "insert into tenantry.tenants (id, name, domain, schema_name, role_name)
         select $1, 'T', 't' || $1 || '.test', 't' || $1, 'r' || $1 on conflict do nothing",
    )
    .bind(tenant)
    .execute(pool)
    .await
    .unwrap();
    let (operation, item): (Uuid, i64) = sqlx::query_as(
        "with o as (insert into tenantry.operations (id, kind, params, state, mode, total)
                    values (gen_random_uuid(), 'migrate', $2::jsonb, 'running', 'independent', 1)
                    returning id)
         insert into tenantry.operation_items (operation_id, idx, state, tenant_id, input)
         select id, 0, $1, $3, '{}' from o returning operation_id, id",
    )
    .bind(state)
    .bind(params)
    .bind(tenant)
    .fetch_one(pool)
    .await
    .unwrap();
    (OperationId::new(operation), ItemId::new(item))
}

#[tokio::test]
async fn the_end_of_an_item_wakes_the_first_that_waits_for_its_tenant() {
    let db = harness::fresh_db().await;
    let (_, first) = on_tenant(&db.pool, "waiting", "{}", 1).await;
    let (_, second) = on_tenant(&db.pool, "waiting", "{}", 1).await;
    let (_, of_another) = on_tenant(&db.pool, "waiting", "{}", 2).await;
    let pool = db.pool.clone().into();

    let woken = release(&pool, &[TenantId::new(1), TenantId::new(3)]).await.unwrap();

    assert_eq!(woken, 1);
    assert!(has_live_job(&db.pool, first).await);
    assert!(!has_live_job(&db.pool, second).await && !has_live_job(&db.pool, of_another).await);
}

#[tokio::test]
async fn an_item_that_waits_for_its_tenant_is_stranded_only_when_none_holds_it() {
    let db = harness::fresh_db().await;
    let (_, held) = on_tenant(&db.pool, "waiting", "{}", 1).await;
    on_tenant(&db.pool, "retrying", "{}", 1).await;
    let (_, free) = on_tenant(&db.pool, "waiting", "{}", 2).await;
    wake(&db.pool, item(&db.pool, "queued", "").await).await;
    sqlx::query("update tenantry.operation_items set created_at = now() - interval '1 hour'")
        .execute(&db.pool)
        .await
        .unwrap();

    revive_stranded(&db.pool.clone().into(), Duration::from_secs(30)).await.unwrap();

    assert!(has_live_job(&db.pool, free).await);
    assert!(!has_live_job(&db.pool, held).await);
}

#[tokio::test]
async fn a_job_that_comes_to_a_worker_without_its_set_is_passed_on_to_one_that_has_it() {
    let db = harness::fresh_db().await;
    let (_, item) = on_tenant(&db.pool, "queued", r#"{"set": "new"}"#, 1).await;
    let (_, unknown) = on_tenant(&db.pool, "queued", r#"{"set": "unknown"}"#, 2).await;
    let (_, own) = on_tenant(&db.pool, "queued", r#"{"set": "old"}"#, 3).await;
    let minute = Duration::from_secs(60);
    let of = |worker, set| store::items::Claimant { set, dead_after: minute, ..claimant(worker) };
    let mut conn = db.pool.acquire().await.unwrap();
    for by in [of("a", "old"), of("b", "new")] {
        workers::register(&mut conn, &by, "here", 1, "test").await.unwrap();
    }
    let pool = db.pool.clone().into();

    pass_on(&pool, &[item, unknown, own], &of("a", "old")).await.unwrap();
    let passed = has_live_job(&db.pool, item).await;
    let kept = has_live_job(&db.pool, unknown).await || has_live_job(&db.pool, own).await;
    let woken = wake_set(&pool, "unknown").await.unwrap();

    assert!(passed && !kept);
    assert_eq!(woken, 1);
    assert!(has_live_job(&db.pool, unknown).await);
}

/// Workers look every two seconds: after a fixed time the worker without the set would be first each time.
#[tokio::test]
async fn a_job_that_is_passed_on_comes_again_after_another_time_each_time() {
    let db = harness::fresh_db().await;
    let (_, item) = on_tenant(&db.pool, "queued", r#"{"set": "new"}"#, 1).await;
    let minute = Duration::from_secs(60);
    let of = |worker, set| store::items::Claimant { set, dead_after: minute, ..claimant(worker) };
    let mut conn = db.pool.acquire().await.unwrap();
    workers::register(&mut conn, &of("b", "new"), "here", 1, "test").await.unwrap();
    let pool = db.pool.clone().into();

    let mut seconds = std::collections::HashSet::new();
    for _ in 0..20 {
        pass_on(&pool, &[item], &of("a", "old")).await.unwrap();
        let sql = "with gone as (delete from apalis.jobs returning run_at)
            select floor(extract(epoch from run_at))::bigint from gone";
        seconds.insert(count(&db.pool, sql).await);
    }

    assert!(seconds.len() > 1, "{seconds:?}");
}

#[tokio::test]
async fn an_operators_act_on_an_open_operation_begins_its_next_run() {
    let db = harness::fresh_db().await;
    let (operation, _) = on_tenant(&db.pool, "undo_failed", "{}", 1).await;
    // An end that another process saw before the act is of run 1, and is not written any more.
    let run = "select run::bigint from tenantry.operations";
    assert_eq!(count(&db.pool, run).await, 1);

    let pool = db.pool.clone().into();
    again(&pool, By::process("test"), operation, 0, Again::Undo).await.unwrap();

    assert_eq!(count(&db.pool, run).await, 2);
}

fn claimant(worker: &str) -> store::items::Claimant<'_> {
    store::items::Claimant { worker, kinds: domain::Kind::ALL, set: "", dead_after: Duration::ZERO }
}
