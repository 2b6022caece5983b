//! A system with nothing to do does next to nothing.

use std::{fs, path::Path, time::Duration};

use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::{
    demo_and_dev::dev,
    support::{System, eventually, tell, tenant, tenants},
};

/// How long the system is watched at a time. A rate needs a time; nothing is waited for.
const WATCHED_SECS: u32 = 10;

/// Windows that have to be quiet, one after another.
const WINDOWS: usize = 3;

/// When the work that tenants leave behind is over at the latest: spares are built.
const QUIET_AFTER: Duration = Duration::from_secs(120);

/// The promise, for one worker and one replica of the API.
const PER_SECOND: f64 = 5.0;

/// Statements in the server's logs below `dir`.
fn statements(dir: &Path) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            found += statements(&path);
        } else if name.starts_with("pg-") && name.ends_with(".log") {
            let text = fs::read_to_string(&path).unwrap();
            let timed = text.lines().filter_map(|line| line.split_once(" duration: "));
            let run = |it: &str| it.contains(" ms  execute ") || it.contains(" ms  statement: ");
            found += timed.filter(|(_, rest)| run(rest)).count();
        }
    }
    found
}

async fn rate(dir: &Path) -> f64 {
    let before = statements(dir);
    tokio::time::sleep(Duration::from_secs(u64::from(WATCHED_SECS))).await;
    (statements(dir) - before) as f64 / f64::from(WATCHED_SECS)
}

/// On a server of its own, which logs each statement: no other story's work counts.
#[tokio::test]
async fn an_idle_worker_makes_fewer_than_5_queries_a_second() {
    let dev = dev("1").await;
    let body = json!({ "tenants": tenants(2) });
    let wait = [("prefer", "wait=60")];
    dev.client().post("/api/v1/tenants/batch", &body, &wait).await.json(200);
    let mut conn = PgConnection::connect(dev.text("database_url")).await.unwrap();
    sqlx::raw_sql("alter system set log_min_duration_statement = 0")
        .execute(&mut conn)
        .await
        .unwrap();
    sqlx::raw_sql("select pg_reload_conf()").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    eventually("fewer than 5 queries a second", QUIET_AFTER, async || {
        (rate(dev.dir.path()).await < PER_SECOND).then_some(())
    })
    .await;
    let mut rates = Vec::new();
    for _ in 0..WINDOWS {
        rates.push(rate(dev.dir.path()).await);
    }

    tell(&format!("idle: {rates:.1?} queries a second of one worker and one API"));
    assert!(rates.iter().all(|rate| *rate < PER_SECOND), "{rates:?}");
    assert!(rates.iter().all(|rate| *rate > 0.0), "it does say that it lives: {rates:?}");
}

/// The promise: half of the jobs start within this time, in milliseconds.
const STARTS_IN_MS: f64 = 100.0;

/// Jobs of one round.
const JOBS: i32 = 15;

/// A machine that is busy with other stories gets some rounds more. A job that waited for the poll
/// instead of the ring would miss all of them.
#[tokio::test]
async fn a_job_that_comes_while_all_is_idle_starts_within_100_ms() {
    let system = System::start(1).await;
    let mut numbers = 0..;

    let rounds = Duration::from_secs(120);
    let median = eventually("half of the jobs to start within 100 ms", rounds, async || {
        for number in numbers.by_ref().take(usize::try_from(JOBS).unwrap()) {
            system.provision(vec![tenant(number)]).await;
        }
        let median: f64 = sqlx::query_scalar(
            "select percentile_cont(0.5) within group
                (order by extract(epoch from started_at - created_at) * 1000)
             from (select * from tenantry.operation_items order by id desc limit $1) as of_this_round",
        )
        .bind(JOBS)
        .fetch_one(&system.db.pool)
        .await
        .unwrap();
        (median < STARTS_IN_MS).then_some(median)
    })
    .await;

    tell(&format!("idle: half of the jobs start within {median:.0} ms"));
}
