//! What an installation has learnt of its tenant migrations binds every later start.

use std::{fs, path::Path, time::Duration};

use super::support::{System, tenants};

const ENDS_IN: Duration = Duration::from_secs(30);

const BASE: &str = "create table a (n int);\n";

/// Asks the whole database, so that a second tenant gets no constraint.
const ASKS_BY_NAME: &str = "create table a (n int);
do $$ begin
    if not exists (select from pg_constraint where conname = 'a_pos') then
        alter table a add constraint a_pos check (n > 0);
    end if;
end $$;
";

/// Asks for something outside its schema, which is not there at first.
const ASKS_OUTSIDE: &str = "create table a (n int);
do $$ begin
    if not exists (select from pg_class where relname = 'marker') then
        alter table a add constraint a_pos check (n > 0);
    end if;
end $$;
";

fn folder(sql: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0001_a.sql"), sql).unwrap();
    dir
}

fn settings(dir: &Path) -> [(&'static str, &str); 1] {
    [("TENANT_MIGRATIONS_DIR", dir.to_str().expect("the path is UTF-8"))]
}

#[tokio::test]
async fn a_set_that_makes_another_thing_for_a_second_tenant_refuses_to_start() {
    let dir = folder(ASKS_BY_NAME);
    let system = System::configured(0, &settings(dir.path())).await;

    let mut worker = system.spawn_worker("worker", &[]);
    let ended = worker.end(ENDS_IN).await;

    assert_eq!(ended.code(), Some(1));
    let log = worker.log();
    assert!(log.contains("a_pos") && log.contains("current_schema()"), "{log}");
}

#[tokio::test]
async fn a_set_that_makes_another_thing_after_a_restart_refuses_to_start_until_relearnt() {
    let dir = folder(ASKS_OUTSIDE);
    let mut system = System::configured(1, &settings(dir.path())).await;
    system.provision(tenants(1)).await;
    system.workers.pop().unwrap().terminate(ENDS_IN).await;
    sqlx::raw_sql("create schema elsewhere; create table elsewhere.marker ()")
        .execute(&system.db.pool)
        .await
        .unwrap();

    let mut worker = system.spawn_worker("later", &[]);
    let ended = worker.end(ENDS_IN).await;
    let up = system.cli(&["migrate", "tenant", "up", "--all"]).await;
    let relearnt = system.cli(&["migrate", "tenant", "relearn"]).await;
    system.add_worker(&[]).await;
    let up_again = system.cli(&["migrate", "tenant", "up", "--all"]).await;

    assert_eq!(ended.code(), Some(1));
    let log = worker.log();
    assert!(log.contains("a_pos") && log.contains("migrate tenant relearn"), "{log}");
    assert_eq!((up.code, relearnt.code), (Some(1), Some(0)), "{up:?} {relearnt:?}");
    assert!(up.err.contains("a_pos") && relearnt.out.contains("a_pos"), "{up:?} {relearnt:?}");
    assert!(!up_again.err.contains("relearn"), "{up_again:?}");
    let audited = "select count(*) from tenantry.audit_log where action = 'migrations.relearnt'";
    assert_eq!(system.count(audited).await, 1);
}

#[tokio::test]
async fn another_text_under_a_known_version_refuses_to_start_until_relearnt() {
    let dir = folder(BASE);
    let mut system = System::configured(1, &settings(dir.path())).await;
    assert_eq!(system.cli(&["migrate", "tenant", "up", "--all"]).await.code, Some(0));
    system.workers.pop().unwrap().terminate(ENDS_IN).await;
    fs::write(dir.path().join("0001_a.sql"), format!("{BASE}create table extra (a int);\n"))
        .unwrap();

    let mut worker = system.spawn_worker("edited", &[]);
    let ended = worker.end(ENDS_IN).await;
    let up = system.cli(&["migrate", "tenant", "up", "--all"]).await;
    let relearnt = system.cli(&["migrate", "tenant", "relearn", "--json"]).await;
    system.add_worker(&[]).await;

    assert_eq!((ended.code(), up.code), (Some(1), Some(1)), "{up:?}");
    for told in [&worker.log(), &up.err] {
        assert!(told.contains("0001_a.sql") && told.contains("another text"), "{told}");
    }
    assert_eq!(relearnt.json()["edited"], serde_json::json!(["0001"]), "{relearnt:?}");
}
