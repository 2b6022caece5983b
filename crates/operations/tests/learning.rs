//! What an installation learns of a set once, and keeps.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::fs;

use operations::learning::{self, LearnError, Learnt};
use sqlx::{AssertSqlSafe, PgPool};
use tenantdb::MigrationSet;

/// The third file uses a value that the second adds to a type of the first.
const MOODS: [(&str, &str); 3] = [
    ("1_a.sql", "create type mood as enum ('a');"),
    ("2_b.sql", "alter type mood add value 'b';"),
    ("3_c.sql", "create table t (m mood default 'b');"),
];

fn set_of(files: &[(&str, &str)]) -> MigrationSet {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        fs::write(folder.path().join(name), sql).unwrap();
    }
    MigrationSet::load(folder.path()).unwrap()
}

async fn learn(db: &PgPool, set: &MigrationSet) -> Result<Learnt, LearnError> {
    learning::learn(&mut db.acquire().await.unwrap(), set).await
}

async fn kept(db: &PgPool) -> Option<Vec<String>> {
    sqlx::query_scalar("select boundaries from tenantry.promises").fetch_one(db).await.unwrap()
}

async fn run(db: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

#[tokio::test]
async fn boundaries_are_learnt_once_and_kept_with_the_promise() {
    let db = harness::fresh_db().await;
    let set = set_of(&MOODS);

    let first = learn(&db.pool, &set).await.unwrap();
    let learnt = kept(&db.pool).await;
    // a boundary that nothing would teach
    run(&db.pool, "update tenantry.promises set boundaries = '{2,3}'").await;
    let second = learn(&db.pool, &set).await.unwrap();

    assert_eq!(learnt, Some(vec!["3".to_owned()]));
    assert_eq!((first.set.segments().len(), second.set.segments().len()), (2, 3));
    // from PostgreSQL 17 on a value of a type made in the same transaction may be used at once
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    assert_eq!(first.set.is_one_transaction(), version >= 170_000);
    assert_eq!(first.promise.is_one_transaction(), first.set.is_one_transaction());
}

#[tokio::test]
async fn what_a_release_before_learnt_gets_its_boundaries_and_relearning_learns_them_anew() {
    let db = harness::fresh_db().await;
    let set = set_of(&MOODS);
    learn(&db.pool, &set).await.unwrap();
    run(&db.pool, "update tenantry.promises set boundaries = null").await;

    learn(&db.pool, &set).await.unwrap();
    let once = kept(&db.pool).await;
    run(&db.pool, "update tenantry.promises set boundaries = '{2}'").await;
    learning::relearn(&mut db.pool.acquire().await.unwrap(), &set).await.unwrap();

    assert_eq!(once, Some(vec!["3".to_owned()]));
    assert_eq!(kept(&db.pool).await, once);
}

#[tokio::test]
async fn a_set_of_one_segment_stays_one_transaction_and_has_no_boundaries() {
    let db = harness::fresh_db().await;

    let Learnt { set, promise } = learn(&db.pool, &MigrationSet::embedded()).await.unwrap();

    assert_eq!((set.segments().len(), kept(&db.pool).await), (1, Some(vec![])));
    assert!(set.is_one_transaction() && promise.no_spares().is_none());
    assert_eq!(set.hash(), MigrationSet::embedded().hash());
}
