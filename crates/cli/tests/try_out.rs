//! `tenantry migrate try`.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use harness::Db;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use support::{Ran, tenantry};
use tempfile::TempDir;

/// Longest that a test waits for something.
const SOON: Duration = Duration::from_secs(30);

/// A second file that takes its time.
const SLOW: [(&str, &str); 2] = [
    ("0001_a.sql", "create table a (id int);"),
    ("0002_b.sql", "do $$ begin perform pg_sleep(3); end $$;"),
];

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, sql) in files {
        fs::write(dir.path().join(name), sql).unwrap();
    }
    dir
}

fn run(db: &Db, dir: &TempDir, more: &[&str]) -> Ran {
    let args = [&["migrate", "try", dir.path().to_str().unwrap()], more].concat();
    tenantry(dir.path(), &args, &[("DATABASE_URL", &db.url)])
}

/// Scratch schemas and roles.
async fn left(db: &Db) -> i64 {
    sqlx::query_scalar(
        "select (select count(*) from pg_namespace where nspname like 'tn_promise%')
             + (select count(*) from pg_shdescription
                where description like (select 'tenantry:' || id || ':scratch:%' from tenantry.installation))",
    )
    .fetch_one(&db.pool)
    .await
    .unwrap()
}

/// A trial that is in its second file.
async fn in_the_slow_file(db: &Db, dir: &TempDir) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_tenantry"))
        .args(["migrate", "try", dir.path().to_str().unwrap()])
        .env("DATABASE_URL", &db.url)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until(db, "exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')").await;
    assert!(left(db).await > 0);
    child
}

async fn until(db: &Db, condition: &str) {
    let began = Instant::now();
    let asked = format!("select {condition}");
    while !sqlx::query_scalar::<_, bool>(sqlx::AssertSqlSafe(asked.as_str()))
        .fetch_one(&db.pool)
        .await
        .unwrap()
    {
        assert!(began.elapsed() < SOON, "never: {condition}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_set_is_told_as_such_with_the_files_that_have_no_way_back() {
    let db = harness::fresh_db().await;
    let dir = folder(&[
        ("0001_a.up.sql", "create table a (id int);"),
        ("0001_a.down.sql", "drop table a;"),
        ("0002_b.sql", "create table b ();"),
    ]);

    let (people, programs) = (run(&db, &dir, &[]), run(&db, &dir, &["--json"]));

    assert_eq!((people.code, programs.code), (0, 0), "{}{}", people.out, people.err);
    let expected = "side by side: no faults\none after the other: no faults\nup down up: no faults\n\
                    no down file: 0002_b.sql\n";
    assert_eq!(people.out, expected);
    let pass = |name: &str| json!({ "pass": name, "ran": true, "faults": [] });
    let told: Value = serde_json::from_str(&programs.out).unwrap();
    assert_eq!(
        told,
        json!({ "ok": true, "findings": [], "no_down": ["0002_b.sql"],
            "passes": [pass("side_by_side"), pass("one_after_the_other"), pass("up_down_up")] })
    );
    assert_eq!(left(&db).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_told_with_file_object_and_remedy() {
    let db = harness::fresh_db().await;
    let dir = folder(&[
        ("0001_a.up.sql", "create table a (id int); create table b ();"),
        ("0001_a.down.sql", "drop table a;"),
        ("0002_c.up.sql", "create table c ();"),
        ("0002_c.down.sql", "drop table c;"),
    ]);
    let broken = folder(&[
        ("0001_a.sql", "create table a (id int);"),
        ("0002_b.up.sql", "create table b ();"),
        ("0002_b.down.sql", "drop table gone;"),
    ]);

    let (people, programs) = (run(&db, &dir, &[]), run(&db, &dir, &["--json"]));
    let broken = run(&db, &broken, &[]);

    let fault = "0001_a.down.sql: does not bring back what was there before 0001_a.up.sql: table b is left \
                 (drop it there) [down_differs]\n";
    assert_eq!(
        (people.code, programs.code, broken.code),
        (1, 1, 1),
        "{}{}",
        people.out,
        people.err
    );
    assert!(
        people.out.starts_with(fault) && people.out.contains("up down up: 1 fault"),
        "{}",
        people.out
    );
    let told: Value = serde_json::from_str(&programs.out).unwrap();
    let [fault] = &told["passes"][2]["faults"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!(
        (&fault["file"], &fault["code"]),
        (&json!("0001_a.down.sql"), &json!("down_differs"))
    );
    assert!(broken.out.contains("0002_b.down.sql: does not run, so no tenant"), "{}", broken.out);
    assert!(broken.out.contains("table \"gone\" does not exist"), "{}", broken.out);
    assert_eq!(left(&db).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lint_refuses_is_told_and_nothing_is_applied() {
    let db = harness::fresh_db().await;
    let dir = folder(&[("0001_a.sql", "create extension citext;")]);

    let ran = run(&db, &dir, &[]);

    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("0001_a.sql:1: creates extension citext"), "{}", ran.out);
    assert!(ran.out.contains("1 finding; nothing was applied"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_trial_leaves_nothing() {
    let db = harness::fresh_db().await;
    let dir = folder(&SLOW);

    let mut child = in_the_slow_file(&db, &dir).await;
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();

    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left(&db).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_trial_leaves_goes_with_the_next() {
    let db = harness::fresh_db().await;
    let dir = folder(&SLOW);

    let mut child = in_the_slow_file(&db, &dir).await;
    child.kill().unwrap();
    child.wait().unwrap();
    // the server ends the session once its statement has ended
    until(&db, "not exists (select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database())").await;
    let session = "not exists (select from pg_description d join pg_stat_activity a
        on a.pid::text = substring(d.description from ':scratch:([0-9]+)$'))";
    until(&db, session).await;
    assert!(left(&db).await > 0);
    let next = run(&db, &folder(&SLOW[..1]), &[]);

    assert_eq!(next.code, 0, "{}{}", next.out, next.err);
    assert_eq!(left(&db).await, 0);
}
