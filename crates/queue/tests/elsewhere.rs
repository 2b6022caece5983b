//! The queue in a database that others arranged: `public` is missing or not ours, extensions are in
//! a schema of their own, and the user is the database's owner without superuser rights.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::{sync::Arc, time::Duration};

use domain::{ItemId, Kind};
use queue::{Buffer, Consumer, Handled, consume, is_set_up, setup, wake};
use settings::{Profile, Settings};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// Gives the database to a role that is no superuser.
const GIVE_AWAY: &str = "do $$ begin
    execute format('create role %I login', 'owner_of_' || current_database());
    execute format('alter database %I owner to %I', current_database(), 'owner_of_' || current_database());
end $$";

const TAKE_BACK: &str = "do $$ begin
    execute format('reassign owned by %I to current_user', 'owner_of_' || current_database());
    execute format('drop owned by %I', 'owner_of_' || current_database());
    execute format('drop role %I', 'owner_of_' || current_database());
end $$";

async fn execute(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

/// Sets the queue up in a database arranged by `sql`, as its owner, and delivers a job through it.
async fn delivers_when(sql: &'static str) {
    let db = harness::empty_db().await;
    execute(&db.pool, GIVE_AWAY).await;
    execute(&db.pool, sql).await;
    let owner: String = sqlx::query_scalar("select 'owner_of_' || current_database()")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    let options = (*db.pool.connect_options()).clone().username(&owner);
    let url = db.url.replacen("postgres@", &format!("{owner}@"), 1);
    assert_ne!(url, db.url, "the url names its user");
    let pool = PgPool::connect_with(options).await.unwrap();

    setup(&pool).await.unwrap();
    setup(&pool).await.unwrap();

    assert!(is_set_up(&pool).await.unwrap());
    let mut tx = pool.begin().await.unwrap();
    wake(&mut tx, &[(ItemId::new(7), Kind::Provision)], Duration::ZERO).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(delivered(&url).await, 7);
    pool.close().await;
    execute(&db.pool, TAKE_BACK).await;
}

/// The item of the first job that a consumer gets, which then acknowledges it.
async fn delivered(url: &str) -> i64 {
    let all = Settings::from_env_map(Profile::Default, []).unwrap();
    let options = queue::options(url, &all.database).unwrap();
    let pool = queue::pool(options, &all.database, &all.queue);
    let consumer = Consumer {
        beside: Vec::new(),
        worker: format!("test-{}", domain::OperationId::mint()),
        new_tenants: Buffer { handlers: 1, timeout: PATIENCE },
        interrupts: Buffer { handlers: 1, timeout: PATIENCE },
        fleet: Buffer { handlers: 1, timeout: PATIENCE },
        drain_timeout: PATIENCE,
        quiet: Arc::default(),
    };
    let (seen, mut items) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |item: ItemId, _| {
        seen.send(item.get()).unwrap();
        std::future::ready(Handled::Done)
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let consuming = {
        let pool = pool.clone();
        tokio::spawn(async move { consume(pool, &all.queue, &consumer, handler, stopped).await })
    };
    let item = tokio::time::timeout(PATIENCE, items.recv()).await.expect("delivered").unwrap();
    stop.cancel();
    consuming.await.unwrap();
    let done = "select count(*) from apalis.jobs where status = 'Done'";
    let done: i64 = sqlx::query_scalar(done).fetch_one(&pool).await.unwrap();
    assert_eq!(done, 1, "the job is acknowledged");
    pool.close().await;
    item
}

#[tokio::test]
async fn delivers_without_a_schema_public() {
    delivers_when("drop schema public").await;
}

#[tokio::test]
async fn delivers_where_public_belongs_to_another_role() {
    delivers_when("alter schema public owner to current_user").await;
}

#[tokio::test]
async fn delivers_with_extensions_in_a_schema_of_their_own() {
    delivers_when(
        "create schema extensions; grant usage on schema extensions to public;
         create extension hstore schema extensions; create extension pgcrypto schema extensions;
         drop schema public",
    )
    .await;
}

#[tokio::test]
async fn goes_on_when_the_extension_moves() {
    let db = harness::fresh_db().await;
    let mut tx = db.pool.begin().await.unwrap();
    wake(&mut tx, &[(ItemId::new(1), Kind::Provision)], Duration::ZERO).await.unwrap();
    tx.commit().await.unwrap();

    execute(&db.pool, "create schema \"Odd one\"; alter extension hstore set schema \"Odd one\"")
        .await;

    let mut tx = db.pool.begin().await.unwrap();
    wake(&mut tx, &[(ItemId::new(1), Kind::Provision)], Duration::ZERO).await.unwrap();
    tx.commit().await.unwrap();
    let jobs = "select count(*) from apalis.jobs";
    let jobs: i64 = sqlx::query_scalar(jobs).fetch_one(&db.pool).await.unwrap();
    assert_eq!(jobs, 2);
}

#[tokio::test]
async fn a_queue_that_lacks_something_is_not_set_up_until_setup_has_run_again() {
    let db = harness::fresh_db().await;
    for damage in [
        "drop schema apalis cascade",
        "drop index apalis.jobs_inflight",
        "delete from apalis._sqlx_migrations where version =
             (select max(version) from apalis._sqlx_migrations)",
    ] {
        execute(&db.pool, damage).await;
        assert!(!is_set_up(&db.pool).await.unwrap(), "{damage}");

        setup(&db.pool).await.unwrap();

        assert!(is_set_up(&db.pool).await.unwrap(), "{damage}");
    }
}
