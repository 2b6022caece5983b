//! Tenant migrations of one's own: what fails in one tenant, and what is refused for all.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{System, orphans, tenant};

const BASE: &str = "create table account (id bigint primary key, balance numeric not null);\n";

const UNLUCKY: &str = "-- fails where the schema has a certain name
do $$ begin
    if current_schema() = 'unlucky' then
        raise exception 'the secret ingredient is missing';
    end if;
end $$;
create table entry (account_id bigint references account (id), amount numeric not null);
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn named(number: usize, schema: &str) -> Value {
    let mut item = tenant(number);
    item["schema_name"] = json!(schema);
    item
}

#[tokio::test]
async fn a_migration_that_fails_in_one_tenant_fails_that_one_and_leaves_nothing_of_it() {
    let dir = folder(&[("0001_base.sql", BASE), ("0002_entries.sql", UNLUCKY)]);
    let settings = [("TENANT_MIGRATIONS_DIR", text(dir.path()))];
    let system = System::configured(1, &settings).await;

    let items = vec![tenant(0), named(1, "lucky"), named(2, "unlucky"), tenant(3), tenant(4)];
    let batch = system.submit(items).await;
    let over = system.finished(&batch).await;
    let results = system.results(&batch).await;

    assert_eq!(over["state"], "completed_with_failures", "{results:#?}");
    assert_eq!(over["progress"]["succeeded"], 4);
    let failed = &results[2];
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error"]["code"], "migration_failed");
    assert_eq!(failed["error"]["step"], "apply_migrations");
    assert_eq!(failed["error"]["retryable"], false);
    assert_eq!(failed["attempts"], 1, "a migration error is not tried again");
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains('2'), "it names the migration: {message}");
    assert!(message.contains("(0002_entries.sql) failed"), "{message}");
    assert!(message.contains("the secret ingredient is missing"), "{message}");
    assert!(!message.contains("raise") && !message.contains(" at line "), "{message}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let made = system.count("select count(*) from lucky.entry").await;
    assert_eq!(made, 0);
    // Its domain is free again.
    system.provision(vec![named(2, "lucky_this_time")]).await;
}

#[tokio::test]
async fn a_worker_refuses_to_start_on_a_migration_that_leaves_its_tenant() {
    let cases = [
        ("0002_commits.sql", "create table a (id int);\n\ncommit;\n", 3),
        ("0003_path.sql", "set search_path = public;\n", 1),
        ("0004_local_path.sql", "select 1;\nset local search_path to public;\n", 2),
        ("0005_foreign.sql", "-- a comment\ncreate table\n  tenantry.loot (id int);\n", 3),
        ("0006_queue.sql", "insert into apalis.jobs (id) values ('x');\n", 1),
        ("0007_hidden.sql", "do $$\nbegin\n  execute 'commit';\nend $$;\n", 3),
        ("0008_role.sql", "select 1;\nselect 2;\nset role postgres;\n", 3),
        ("0009_extension.sql", "create extension hstore;\n", 1),
        ("0010_maintenance.sql", "vacuum account;\n", 1),
    ];
    let system = System::start(0).await;

    for (file, sql, line) in cases {
        let dir = folder(&[("0001_base.sql", BASE), (file, sql)]);
        let settings = [("TENANT_MIGRATIONS_DIR", text(dir.path()))];
        let mut worker = system.spawn_worker(file, &settings);
        let ended = worker.end(Duration::from_secs(30)).await;

        assert_eq!(ended.code(), Some(1), "{file}");
        let log = worker.log();
        assert!(log.contains(&format!("{file}:{line}:")), "{file}: {log}");
    }
    let workers = "select count(*) from tenantry.workers where refused is null";
    assert_eq!(system.count(workers).await, 0, "none of them took part");
}
