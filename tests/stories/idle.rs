//! A system with nothing to do does next to nothing.

use std::{str::FromStr as _, time::Duration};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::support::{System, eventually, tell, tenant, tenants};

/// How long the system is watched. A rate needs a time; nothing is waited for.
const WATCHED_SECS: u32 = 10;

/// When the counts are true at the latest: a session that falls idle reports what it did up to
/// 10 s later, so the first watch may still see the work before. And while other stories make
/// tenants on the same server, it has idle sessions of every database take note of their DDL, in
/// transactions that count here: it has to be watched until they are over.
const TRUE_AFTER: Duration = Duration::from_secs(300);

/// The promise, for one worker.
const PER_SECOND: f64 = 5.0;

/// Transactions of the system's database so far, seen from another one: looking does not count.
async fn transactions(witness: &mut PgConnection, database: &str) -> i64 {
    sqlx::query_scalar(
        "select xact_commit + xact_rollback from pg_stat_database where datname = $1",
    )
    .bind(database)
    .fetch_one(witness)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_idle_worker_makes_fewer_than_5_queries_a_second() {
    let system = System::start(1).await;
    system.provision(tenants(2)).await;
    let own = PgConnectOptions::from_str(&system.db.url).unwrap();
    let database = own.get_database().unwrap().to_owned();
    let mut witness = own.database("postgres").connect().await.unwrap();
    system.db.pool.close().await;

    let rate = eventually("fewer than 5 transactions a second", TRUE_AFTER, async || {
        let before = transactions(&mut witness, &database).await;
        tokio::time::sleep(Duration::from_secs(u64::from(WATCHED_SECS))).await;
        let made = transactions(&mut witness, &database).await - before;
        let rate = made as f64 / f64::from(WATCHED_SECS);
        (rate < PER_SECOND).then_some(rate)
    })
    .await;

    tell(&format!("idle: {rate:.1} transactions a second of one worker and one API"));
    assert!(rate > 0.0, "it does say that it lives");
    witness.close().await.unwrap();
}

/// The promise: half of the jobs start within this time, in milliseconds.
const STARTS_IN_MS: f64 = 100.0;

#[tokio::test]
async fn a_job_that_comes_while_all_is_idle_starts_within_100_ms() {
    let system = System::start(1).await;

    for number in 0..15 {
        system.provision(vec![tenant(number)]).await;
    }

    let median: f64 = sqlx::query_scalar(
        "select percentile_cont(0.5) within group
            (order by extract(epoch from started_at - created_at) * 1000)
         from tenantry.batch_items",
    )
    .fetch_one(&system.db.pool)
    .await
    .unwrap();
    tell(&format!("idle: half of the jobs start within {median:.0} ms"));
    assert!(median < STARTS_IN_MS, "{median} ms");
}
