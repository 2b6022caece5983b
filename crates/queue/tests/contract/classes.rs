//! Whose job comes next, and that a class of jobs never waits for the other.

use std::{collections::HashSet, time::Duration};

use domain::{ItemId, Kind};
use queue::{Class, Handled, Line, consume, wake};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::{NEW, PATIENCE, Running, consumer, next, put, put_of, queue_of, settings};

#[tokio::test]
async fn a_batch_of_one_is_next_behind_a_batch_of_ten_thousand() {
    let db = harness::fresh_db().await;
    put(&db.pool, &(1..=10_000).collect::<Vec<_>>()).await;
    let fetch = "select convert_from(job, 'UTF8') from apalis.get_jobs('w', $1, 5)";
    sqlx::query("insert into apalis.workers (id, worker_type, storage_name, last_seen) values ('w', $1, 's', now())")
        .bind(NEW)
        .execute(&db.pool)
        .await
        .unwrap();
    let served: Vec<String> =
        sqlx::query_scalar(fetch).bind(NEW).fetch_all(&db.pool).await.unwrap();

    let mut conn = db.pool.acquire().await.unwrap();
    Line::new(Duration::ZERO, 1)
        .add(&mut conn, &[(ItemId::new(77_777), Kind::Provision)])
        .await
        .unwrap();
    let next: Vec<String> = sqlx::query_scalar(fetch).bind(NEW).fetch_all(&db.pool).await.unwrap();

    assert_eq!(served.len(), 5);
    assert!(next.iter().any(|job| job.contains("77777")), "{next:?}");
}

#[tokio::test]
async fn jobs_of_new_tenants_stand_where_the_release_before_looks_and_others_where_it_does_not() {
    let db = harness::fresh_db().await;

    let mut tx = db.pool.begin().await.unwrap();
    let items = [(ItemId::new(1), Kind::Migrate), (ItemId::new(2), Kind::Provision)];
    wake(&mut tx, &items, Duration::ZERO).await.unwrap();
    tx.commit().await.unwrap();

    let written: Vec<(String, String)> =
        sqlx::query_as("select job_type, convert_from(job, 'UTF8') from apalis.jobs order by 2")
            .fetch_all(&db.pool)
            .await
            .unwrap();
    let job = |queue: &str, payload: &str| (queue.to_owned(), payload.to_owned());
    assert_eq!(
        written,
        [
            job("tenantry.fleet", r#"{"v":1,"item":1}"#),
            job("tenantry.provision", r#"{"v":1,"item":2}"#),
        ]
    );
}

#[tokio::test]
async fn jobs_that_are_held_of_one_class_keep_none_of_the_other_waiting() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let go = CancellationToken::new();
    let gate = go.clone();
    put_of(Kind::Migrate, &db.pool, &(1..=200).collect::<Vec<_>>()).await;
    let running = Running::start(&queue_of(&db), move |item, class| {
        let (tell, gate) = (tell.clone(), gate.clone());
        async move {
            tell.send(item.get()).unwrap();
            if class == Class::Fleet {
                gate.cancelled().await;
            }
            Handled::Done
        }
    });
    // As many as are held at a time.
    let held = HashSet::from([next(&mut seen).await, next(&mut seen).await]);
    assert!(held.iter().all(|item| *item <= 200), "{held:?}");

    put(&db.pool, &[777]).await;
    queue::ring(&db.pool.clone().into(), queue::Bell::Jobs).await;

    assert_eq!(next(&mut seen).await, 777);
    go.cancel();
    running.stop().await;
}

/// A worker whose queue is silent for too long starts over.
#[tokio::test]
async fn a_consumer_whose_handlers_are_all_busy_is_heard() {
    let db = harness::fresh_db().await;
    let (tell, mut seen) = mpsc::unbounded_channel();
    let go = CancellationToken::new();
    let gate = go.clone();
    put_of(Kind::Migrate, &db.pool, &(1..=20).collect::<Vec<_>>()).await;
    let settings = settings::Queue { heartbeat_ms: 100, ..settings() };
    let (pool, stop, consumer) = (queue_of(&db), CancellationToken::new(), consumer());
    let (worker, stopped) = (consumer.worker.clone(), stop.clone());
    let task = tokio::spawn(async move {
        let handler = move |item: ItemId, _| {
            let (tell, gate) = (tell.clone(), gate.clone());
            async move {
                tell.send(item.get()).unwrap();
                gate.cancelled().await;
                Handled::Done
            }
        };
        consume(pool, &settings, &consumer, handler, stopped).await;
    });
    next(&mut seen).await;
    next(&mut seen).await;

    let heard =
        "select last_seen::text from apalis.workers where starts_with(id, $1) and worker_type = $2";
    let mut beats: HashSet<String> = HashSet::new();
    let beating = async {
        while beats.len() < 5 {
            let of_fleet = sqlx::query_scalar(heard).bind(&worker).bind(Class::Fleet.queue());
            beats.insert(of_fleet.fetch_one(&db.pool).await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, beating).await.expect("it is heard again and again");
    go.cancel();
    stop.cancel();
    task.await.unwrap();

    assert_eq!(beats.len(), 5);
}

/// The queue looks for jobs whenever it is woken, and the answer to a look wakes it.
#[tokio::test]
async fn idle_queues_do_not_wake_each_other() {
    let db = harness::fresh_db().await;
    let running = Running::start(&queue_of(&db), |_, _| async { Handled::Done });
    put(&db.pool, &[1]).await;
    let done = "select exists (select from apalis.jobs where status = 'Done')";
    while !sqlx::query_scalar::<_, bool>(done).fetch_one(&db.pool).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let transactions = async || -> i64 {
        let sql = "select xact_commit from pg_stat_database where datname = pg_catalog.current_database()";
        sqlx::query_scalar(sql).fetch_one(&db.pool).await.unwrap()
    };

    let before = transactions().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let ran = transactions().await - before;
    running.stop().await;

    assert!(ran < 100, "{ran} transactions in 4 s of two idle queues");
}
