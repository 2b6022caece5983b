//! What Tenantry leans on in apalis and its table, pinned: an upgrade that changes any of it
//! fails here and not in production.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod beside;
mod classes;
mod support;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use apalis::prelude::TaskBuilder;
use apalis_postgres::queries::push_tasks;
use domain::{ItemId, Kind};
use queue::{Handled, release_jobs_of, wake, without_live_job};
use sqlx::postgres::PgListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use support::{NEW, Running, jobs, next, put, queue_of, status};

#[tokio::test]
async fn enqueue_is_undone_with_the_callers_transaction() {
    let db = harness::fresh_db().await;
    let mut tx = db.pool.begin().await.unwrap();

    wake(&mut tx, &[(ItemId::new(1), Kind::Provision)], Duration::ZERO).await.unwrap();
    tx.rollback().await.unwrap();

    let jobs: i64 =
        sqlx::query_scalar("select count(*) from apalis.jobs").fetch_one(&db.pool).await.unwrap();
    assert_eq!(jobs, 0);
}

#[tokio::test]
async fn a_transaction_that_enqueues_contains_no_notify_and_a_ring_says_nothing_but_its_channel() {
    let db = harness::fresh_db().await;
    let mut listener = PgListener::connect_with(&db.pool).await.unwrap();
    listener.listen_all(["tenantry_jobs", "apalis::job::insert"]).await.unwrap();

    put(&db.pool, &(1..=100).collect::<Vec<_>>()).await;
    sqlx::query("notify tenantry_jobs, 'committed'").execute(&db.pool).await.unwrap();
    queue::ring(&db.pool.clone().into(), queue::Bell::Jobs).await;

    assert_eq!(listener.recv().await.unwrap().payload(), "committed");
    assert_eq!(listener.recv().await.unwrap().payload(), "");
}

#[tokio::test]
async fn a_fetch_does_not_scan_the_table() {
    let db = harness::fresh_db().await;
    put(&db.pool, &(1..=5_000).collect::<Vec<_>>()).await;
    let mut conn = db.pool.acquire().await.unwrap();
    sqlx::query("insert into apalis.workers (id, worker_type, storage_name, last_seen) values ('w', $1, 's', now())")
        .bind(NEW)
        .execute(&mut *conn)
        .await
        .unwrap();
    let scans = "select seq_scan from pg_stat_user_tables where relid = 'apalis.jobs'::regclass";
    sqlx::query("select pg_stat_force_next_flush()").execute(&mut *conn).await.unwrap();
    let before: i64 = sqlx::query_scalar(scans).fetch_one(&mut *conn).await.unwrap();

    let fetched = sqlx::query("select * from apalis.get_jobs('w', $1, 5)")
        .bind(NEW)
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    sqlx::query("select pg_stat_force_next_flush()").execute(&mut *conn).await.unwrap();
    let after: i64 = sqlx::query_scalar(scans).fetch_one(&mut *conn).await.unwrap();

    assert_eq!(fetched.len(), 5);
    assert_eq!(after, before);
}

#[tokio::test]
async fn every_job_is_delivered_and_acknowledged() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let items: Vec<i64> = (1..=50).collect();
    put(&db.pool, &items).await;

    let running = Running::start(&queue_of(&db), move |item, _| {
        let tell = tell.clone();
        async move {
            tell.send(item.get()).unwrap();
            Handled::Done
        }
    });
    let mut delivered = HashSet::new();
    for _ in &items {
        delivered.insert(next(&mut seen).await);
    }
    running.stop().await;

    assert_eq!(delivered, items.into_iter().collect());
    for job in jobs(&db.pool).await {
        assert_eq!(status(&db.pool, &job).await, "Done");
    }
}

#[tokio::test]
async fn a_job_is_delivered_again_after_a_rest_when_its_outcome_was_not_recorded() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let first = Arc::new(AtomicBool::new(true));
    put(&db.pool, &[1]).await;

    let running = Running::start(&queue_of(&db), move |item, _| {
        let again = first.swap(false, Ordering::SeqCst);
        tell.send(item.get()).unwrap();
        async move { if again { Handled::Again } else { Handled::Done } }
    });
    next(&mut seen).await;
    let started = tokio::time::Instant::now();
    next(&mut seen).await;
    let rested = started.elapsed();
    running.stop().await;

    // The queue alone would deliver it again within milliseconds; `run_at` has whole seconds.
    assert!(rested >= Duration::from_millis(800), "rested only {rested:?}");
}

#[tokio::test]
async fn a_panic_costs_its_own_job_a_rest_and_nobody_else_anything() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let panics = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&panics);
    put(&db.pool, &[1, 2, 3]).await;

    let running = Running::start(&queue_of(&db), move |item, _| {
        let (tell, panics) = (tell.clone(), Arc::clone(&counted));
        async move {
            assert!(item.get() != 2 || panics.fetch_add(1, Ordering::SeqCst) > 0, "the first try");
            tell.send(item.get()).unwrap();
            Handled::Done
        }
    });
    let delivered = [next(&mut seen).await, next(&mut seen).await, next(&mut seen).await];
    running.stop().await;

    assert_eq!(HashSet::from(delivered), HashSet::from([1, 2, 3]));
    assert_eq!(panics.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_unreadable_payload_ends_its_job_and_not_the_worker() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let bad = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let task = TaskBuilder::new(br#"{"v":99}"#.to_vec())
        .task_id(apalis_core::task::task_id::TaskId::from_ulid(bad.parse().unwrap()))
        .build();
    let mut conn = queue_of(&db).acquire().await.unwrap();
    push_tasks(&mut *conn, NEW, vec![task]).await.unwrap();
    put(&db.pool, &[7]).await;

    let running = Running::start(&queue_of(&db), move |item, _| {
        tell.send(item.get()).unwrap();
        async { Handled::Done }
    });
    let delivered = next(&mut seen).await;
    running.stop().await;

    assert_eq!(delivered, 7);
    assert_eq!(status(&db.pool, bad).await, "Killed");
}

#[tokio::test]
async fn stopping_waits_for_what_has_begun_and_gives_the_rest_back() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let go = CancellationToken::new();
    let gate = go.clone();
    put(&db.pool, &(1..=20).collect::<Vec<_>>()).await;
    let running = Running::start(&queue_of(&db), move |item, _| {
        let (tell, gate) = (tell.clone(), gate.clone());
        async move {
            tell.send(item.get()).unwrap();
            gate.cancelled().await;
            Handled::Done
        }
    });
    for _ in 0..4 {
        next(&mut seen).await;
    }

    running.stop.cancel();
    go.cancel();
    running.stop().await;

    let by_status: Vec<(String, i64)> =
        sqlx::query_as("select status, count(*) from apalis.jobs group by 1 order by 1")
            .fetch_all(&db.pool)
            .await
            .unwrap();
    let begun = 4 + std::iter::from_fn(|| seen.try_recv().ok()).count() as i64;
    assert_eq!(by_status, [("Done".to_owned(), begun), ("Pending".to_owned(), 20 - begun)]);
}

#[tokio::test]
async fn the_jobs_of_a_dead_worker_are_freed_and_those_of_others_are_not() {
    let db = harness::fresh_db().await;
    put(&db.pool, &[1, 2]).await;
    let jobs = jobs(&db.pool).await;
    let mut conn = db.pool.acquire().await.unwrap();
    for (worker, job) in [("dead.1", &jobs[0]), ("deadly.1", &jobs[1])] {
        sqlx::query("insert into apalis.workers (id, worker_type, storage_name, last_seen) values ($1, $2, 's', now())")
            .bind(worker)
            .bind(NEW)
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query("update apalis.jobs set status = 'Running', lock_by = $1 where id = $2")
            .bind(worker)
            .bind(job)
            .execute(&mut *conn)
            .await
            .unwrap();
    }

    let freed = release_jobs_of(&mut conn, "dead").await.unwrap();

    assert_eq!(freed, 1);
    assert_eq!(status(&db.pool, &jobs[0]).await, "Pending");
    assert_eq!(status(&db.pool, &jobs[1]).await, "Running");
}

#[tokio::test]
async fn a_job_that_will_not_come_again_is_not_live() {
    let db = harness::fresh_db().await;
    put(&db.pool, &[1, 2, 3, 4]).await;
    for (job, (status, done)) in jobs(&db.pool).await.iter().zip([
        ("Pending", false),
        ("Done", true),
        // What the queue writes when a layer of its own gives a job up.
        ("Running", true),
        ("Failed", false),
    ]) {
        sqlx::query("update apalis.jobs set status = $2, attempts = 1, done_at = case when $3 then now() end where id = $1")
            .bind(job)
            .bind(status)
            .bind(done)
            .execute(&db.pool)
            .await
            .unwrap();
    }
    let mut conn = db.pool.acquire().await.unwrap();

    let without = without_live_job(&mut conn, &[1, 2, 3, 4, 5].map(ItemId::new)).await.unwrap();

    assert_eq!(without, [2, 3, 5].map(ItemId::new));
}

#[tokio::test]
async fn one_live_job_of_many_is_enough() {
    let db = harness::fresh_db().await;
    put(&db.pool, &[7, 7, 7]).await;
    sqlx::query(
        "update apalis.jobs set status = 'Done' where id <> (select max(id) from apalis.jobs)",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let mut conn = db.pool.acquire().await.unwrap();

    assert_eq!(without_live_job(&mut conn, &[ItemId::new(7)]).await.unwrap(), []);
}

#[tokio::test]
async fn the_jobs_of_items_are_found_without_reading_the_table() {
    let db = harness::fresh_db().await;
    put(&db.pool, &(1..=5_000).collect::<Vec<_>>()).await;
    let mut conn = db.pool.acquire().await.unwrap();
    let seq_scans =
        "select seq_scan from pg_stat_user_tables where relid = 'apalis.jobs'::regclass";
    for analyzed in [false, true] {
        if analyzed {
            sqlx::query("analyze apalis.jobs").execute(&mut *conn).await.unwrap();
        }
        sqlx::query("select pg_stat_force_next_flush()").execute(&mut *conn).await.unwrap();
        let before: i64 = sqlx::query_scalar(seq_scans).fetch_one(&mut *conn).await.unwrap();

        let items: Vec<ItemId> = (4_001..=5_001).map(ItemId::new).collect();
        let without = without_live_job(&mut conn, &items).await.unwrap();
        sqlx::query("select pg_stat_force_next_flush()").execute(&mut *conn).await.unwrap();
        let after: i64 = sqlx::query_scalar(seq_scans).fetch_one(&mut *conn).await.unwrap();

        assert_eq!(without, [ItemId::new(5_001)]);
        assert_eq!(after, before);
    }
}
