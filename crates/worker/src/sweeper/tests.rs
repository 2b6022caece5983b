use std::time::Duration;

use domain::ItemId;
use sqlx::PgPool;

use super::{
    InProgress,
    reconcile::revive_stranded,
    take_over::{free_the_dead, give_back_forgotten},
};

/// An item in `state`, owned by `worker` if it is not empty, with job `job`.
async fn item(pool: &PgPool, state: &str, worker: &str, job: Option<&str>) -> ItemId {
    let id: i64 = sqlx::query_scalar(
        "with b as (insert into tenantry.operations (id, state, mode, total)
                    values (gen_random_uuid(), 'running', 'independent', 1) returning id)
         insert into tenantry.operation_items (operation_id, idx, state, worker_id, job_id, attempt, input)
         select id, 0, $1, nullif($2, ''), $3, 1, '{}' from b returning id",
    )
    .bind(state)
    .bind(worker)
    .bind(job)
    .fetch_one(pool)
    .await
    .unwrap();
    ItemId::new(id)
}

async fn enqueue(pool: &PgPool, item: ItemId) -> queue::JobId {
    let job = queue::JobId::mint();
    let mut conn = pool.acquire().await.unwrap();
    queue::enqueue(&mut conn, &[(item, job)], Duration::ZERO).await.unwrap();
    job
}

async fn row(pool: &PgPool, item: ItemId) -> (String, Option<String>, Option<String>) {
    sqlx::query_as("select state, worker_id, job_id from tenantry.operation_items where id = $1")
        .bind(item.get())
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn live(pool: &PgPool, job: &str) -> bool {
    let mut conn = pool.acquire().await.unwrap();
    !queue::live_jobs(&mut conn, &[job.to_owned()]).await.unwrap().is_empty()
}

#[tokio::test]
async fn an_item_whose_job_was_lost_gets_a_new_one() {
    let db = harness::fresh_db().await;
    let lost = item(&db.pool, "queued", "", Some("01ARZ3NDEKTSV4RRFFQ69G5FAV")).await;
    let never_had = item(&db.pool, "retrying", "", None).await;

    let revived = revive_stranded(&db.pool.clone().into(), Duration::ZERO).await.unwrap();

    assert_eq!(revived, 2);
    for item in [lost, never_had] {
        let (_, _, job) = row(&db.pool, item).await;
        assert!(live(&db.pool, &job.unwrap()).await);
    }
}

#[tokio::test]
async fn an_item_with_a_live_job_keeps_it() {
    let db = harness::fresh_db().await;
    let waiting = item(&db.pool, "queued", "", None).await;
    let job = enqueue(&db.pool, waiting).await.to_string();
    sqlx::query("update tenantry.operation_items set job_id = $1")
        .bind(&job)
        .execute(&db.pool)
        .await
        .unwrap();

    let revived = revive_stranded(&db.pool.clone().into(), Duration::ZERO).await.unwrap();

    assert_eq!(revived, 0);
    assert_eq!(row(&db.pool, waiting).await.2, Some(job));
}

#[tokio::test]
async fn an_item_that_just_came_is_not_looked_at() {
    let db = harness::fresh_db().await;
    item(&db.pool, "queued", "", None).await;

    assert_eq!(revive_stranded(&db.pool.clone().into(), Duration::from_secs(60)).await.unwrap(), 0);
}

#[tokio::test]
async fn what_a_worker_owns_and_forgot_is_given_back() {
    let db = harness::fresh_db().await;
    let forgotten = item(&db.pool, "running", "me", None).await;
    let turning_back = item(&db.pool, "unwinding", "me", None).await;
    let in_work = item(&db.pool, "running", "me", None).await;
    let anothers = item(&db.pool, "running", "you", None).await;
    let in_progress = InProgress::default();
    let _working = in_progress.enter(in_work).unwrap();

    give_back_forgotten(&db.pool.clone().into(), "me", &in_progress).await.unwrap();

    let (state, owner, job) = row(&db.pool, forgotten).await;
    assert_eq!((state.as_str(), owner), ("retrying", None));
    assert!(live(&db.pool, &job.unwrap()).await);
    let (state, owner, job) = row(&db.pool, turning_back).await;
    assert_eq!((state.as_str(), owner), ("unwinding", None));
    assert!(live(&db.pool, &job.unwrap()).await);
    assert_eq!(row(&db.pool, in_work).await, ("running".into(), Some("me".into()), None));
    assert_eq!(row(&db.pool, anothers).await, ("running".into(), Some("you".into()), None));
}

#[tokio::test]
async fn what_a_stopped_worker_owned_is_given_back_though_its_job_is_used_up() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    for worker in ["stopped", "alive"] {
        store::workers::register(&mut conn, worker, "here", 1, "test").await.unwrap();
    }
    store::workers::retire(&mut conn, "stopped").await.unwrap();
    let abandoned = item(&db.pool, "running", "stopped", None).await;
    let in_work = item(&db.pool, "running", "alive", None).await;

    give_back_forgotten(&db.pool.clone().into(), "me", &InProgress::default()).await.unwrap();

    let (state, owner, job) = row(&db.pool, abandoned).await;
    assert_eq!((state.as_str(), owner), ("retrying", None));
    assert!(live(&db.pool, &job.unwrap()).await);
    assert_eq!(row(&db.pool, in_work).await.0, "running");
}

#[tokio::test]
async fn an_item_of_a_paused_batch_gets_no_job() {
    let db = harness::fresh_db().await;
    item(&db.pool, "queued", "", None).await;
    sqlx::query("update tenantry.operations set paused_at = now()")
        .execute(&db.pool)
        .await
        .unwrap();

    let revived = revive_stranded(&db.pool.clone().into(), Duration::ZERO).await.unwrap();

    assert_eq!(revived, 0);
}

#[tokio::test]
async fn only_silent_workers_are_buried_and_only_once() {
    let db = harness::fresh_db().await;
    let mut conn = db.pool.acquire().await.unwrap();
    for worker in ["silent", "alive"] {
        store::workers::register(&mut conn, worker, "here", 1, "test").await.unwrap();
    }
    sqlx::query(
        "update tenantry.workers set seen_at = now() - interval '1 hour' where id = 'silent'",
    )
    .execute(&mut *conn)
    .await
    .unwrap();

    free_the_dead(&db.pool.clone().into(), Duration::from_secs(60)).await.unwrap();
    let again = store::workers::bury(&mut conn, Duration::from_secs(60)).await.unwrap();
    let silent_may_go_on = store::workers::beat(&mut conn, "silent").await.unwrap();
    let alive_may_go_on = store::workers::beat(&mut conn, "alive").await.unwrap();

    assert_eq!(again, Vec::<String>::new());
    assert!(!silent_may_go_on && alive_may_go_on);
}

#[test]
fn an_item_is_in_work_once_and_until_it_is_dropped() {
    let in_progress = InProgress::default();
    let item = ItemId::new(1);

    let first = in_progress.enter(item);
    let second = in_progress.enter(item);

    assert!(first.is_some() && second.is_none());
    drop(first);
    assert!(in_progress.enter(item).is_some());
}
