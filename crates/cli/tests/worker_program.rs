//! The `tenantry-worker` program itself.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use secrecy::ExposeSecret;

#[path = "support/broken_tls.rs"]
mod broken_tls;

fn worker(url: &str) -> Command {
    let master_key = keys::MasterKey::generate();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry-worker"));
    command
        .env_clear()
        .env("DATABASE_URL", url)
        .env("TENANTRY_MASTER_KEY", master_key.expose_secret())
        .args(["--port", "0"]);
    command
}

fn refuse(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

fn wait_for(file: &Path) -> serde_json::Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(text) = fs::read(file) {
            return serde_json::from_slice(&text).unwrap();
        }
        assert!(Instant::now() < deadline, "{} was never written", file.display());
        std::thread::yield_now();
    }
}

/// Reads the worker's log up to the line that holds `text`.
fn read_until(log: &mut impl BufRead, text: &str) {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended before `{text}`");
        if line.contains(text) {
            return;
        }
    }
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_bad_setting_stops_the_start_and_is_named() {
    let said = refuse(
        worker("postgres://nobody@localhost/none").env("TENANTRY__WORKER__CONCURRENCY", "0"),
    );

    assert!(said.contains("TENANTRY__WORKER__CONCURRENCY"), "{said}");
}

#[test]
fn a_missing_database_url_stops_the_start_and_is_named() {
    let said = refuse(worker("x").env_remove("DATABASE_URL"));

    assert!(said.contains("DATABASE_URL"), "{said}");
}

#[tokio::test]
async fn a_missing_master_key_stops_the_start_and_is_named() {
    let db = harness::fresh_db().await;

    let said = refuse(worker(&db.url).env_remove("TENANTRY_MASTER_KEY"));

    assert!(said.contains("TENANTRY_MASTER_KEY"), "{said}");
}

#[tokio::test]
async fn a_migration_that_leaves_its_transaction_stops_the_start_with_file_and_line() {
    let db = harness::fresh_db().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0001_sly.sql"), "create table a (x int);\ncommit;\n").unwrap();

    let said = refuse(worker(&db.url).env("TENANT_MIGRATIONS_DIR", folder.path()));

    assert!(said.contains("0001_sly.sql") && said.contains('2'), "{said}");
}

#[tokio::test]
async fn a_check_that_a_file_puts_off_stops_the_start_with_what_to_write() {
    let db = harness::fresh_db().await;
    let folder = tempfile::tempdir().unwrap();
    let text = "create table a (id int primary key);
        create table b (a int references a deferrable initially deferred);
        insert into a values (1); insert into b values (1);
        alter table b add column x int;";
    fs::write(folder.path().join("0001_put_off.sql"), text).unwrap();

    let said = refuse(worker(&db.url).env("TENANT_MIGRATIONS_DIR", folder.path()));

    assert!(said.contains("0001_put_off.sql") && said.contains("set constraints all"), "{said}");
}

#[tokio::test]
async fn sigterm_ends_it_in_good_order_and_signs_it_off() {
    let db = harness::fresh_db().await;
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut child = worker(&db.url)
        .env("TENANTRY__LOG__FORMAT", "text")
        .env("RUST_LOG", "debug")
        .arg("--ready-file")
        .arg(&ready)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let pid = wait_for(&ready)["pid"].as_u64();
    read_until(&mut log, "RUST_LOG has no effect");
    read_until(&mut log, "starts");

    terminate(&child);
    let ended = child.wait().unwrap();

    assert_eq!(pid, Some(u64::from(child.id())));
    assert!(ended.success(), "{ended}");
    let open: i64 =
        sqlx::query_scalar("select count(*) from tenantry.workers where stopped_at is null")
            .fetch_one(&db.pool)
            .await
            .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preferred_tls_that_fails_is_done_without_and_logged() {
    let db = harness::fresh_db().await;
    let url = broken_tls::before(&db).await;

    let mut child =
        worker(&url).env("TENANTRY__LOG__FORMAT", "text").stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut log, "not encrypted, because TLS failed");
    read_until(&mut log, "starts");
    terminate(&child);

    assert!(child.wait().unwrap().success());
}
