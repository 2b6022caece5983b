//! The fleet follows a new migration: every tenant it can, and no tenant is harmed by another.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::support::{Ran, System, eventually, tenants};

/// Longest wait for workers to take over what a dead process had begun.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST: &str = "create table account (id bigint primary key);\n";
const SECOND: &str = "create table note (id bigint primary key, body text);\n";

struct Fleet {
    system: System,
    folder: PathBuf,
    schemas: Vec<String>,
    ids: Vec<i64>,
}

async fn fleet(count: usize) -> Fleet {
    let folder = tempfile::tempdir().unwrap().keep();
    fs::write(folder.join("0001_accounts.sql"), FIRST).unwrap();
    let settings = [("TENANT_MIGRATIONS_DIR", folder.to_str().unwrap())];
    let system = System::configured(1, &settings).await;
    let made = system.provision(tenants(count)).await;
    let text = |tenant: &Value| tenant["schema_name"].as_str().unwrap().to_owned();
    let schemas = made.iter().map(text).collect();
    let ids = made.iter().map(|tenant| tenant["tenant_id"].as_i64().unwrap()).collect();
    Fleet { system, folder, schemas, ids }
}

impl Fleet {
    async fn migrate(&self, args: &[&str]) -> Ran {
        self.system.cli(&[&["migrate", "tenant"], args].concat()).await
    }

    fn write(&self, file: &str, sql: &str) {
        fs::write(self.folder.join(file), sql).unwrap();
    }

    async fn execute(&self, sql: String) {
        sqlx::query(AssertSqlSafe(sql)).execute(&self.system.db.pool).await.unwrap();
    }

    async fn version(&self, at: usize) -> i64 {
        let path = format!("/api/v1/tenants/{}/status", self.ids[at]);
        self.system.client.get(&path).await.json(200)["migration_version"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn versions(&self) -> Vec<i64> {
        let mut versions = Vec::new();
        for at in 0..self.ids.len() {
            versions.push(self.version(at).await);
        }
        versions
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).expect("our own folder can be removed");
    }
}

#[tokio::test]
async fn every_tenant_gets_a_new_migration_and_its_role_the_rights_on_it() {
    let fleet = fleet(6).await;
    assert_eq!(fleet.migrate(&["status", "--all"]).await.code, Some(0));

    fleet.write("0002_notes.sql", SECOND);
    let behind = fleet.migrate(&["status", "--all"]).await;
    let up = fleet.migrate(&["up", "--all"]).await;
    let again = fleet.migrate(&["up", "--all"]).await;

    assert_eq!(behind.code, Some(1), "{behind:?}");
    assert_eq!(up.code, Some(0), "{up:?}");
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(fleet.versions().await, [2; 6]);
    assert_eq!(fleet.migrate(&["status", "--all"]).await.code, Some(0));
    for schema in &fleet.schemas {
        let role = format!(
            "select has_table_privilege(role_name, '{schema}.note', 'insert')
            from tenantry.tenants where schema_name = '{schema}'"
        );
        let role = sqlx::query_scalar(AssertSqlSafe(role));
        let may: bool = role.fetch_one(&fleet.system.db.pool).await.unwrap();
        assert!(may, "{schema}");
    }
}

#[tokio::test]
async fn one_bad_tenant_does_not_stop_the_others_and_follows_once_it_is_mended() {
    let fleet = fleet(6).await;
    fleet.write("0002_notes.sql", SECOND);
    let obstacle = format!("{}.note", fleet.schemas[2]);
    fleet.execute(format!("create table {obstacle} (in_the_way int)")).await;

    let up = fleet.migrate(&["up", "--all"]).await;

    assert_eq!(up.code, Some(1), "{up:?}");
    assert!(up.out.contains(&fleet.schemas[2]), "{up:?}");
    assert_eq!(fleet.versions().await, [2, 2, 1, 2, 2, 2]);

    fleet.execute(format!("drop table {obstacle}")).await;
    let up = fleet.migrate(&["up", "--schema", &fleet.schemas[2]]).await;

    assert_eq!(up.code, Some(0), "{up:?}");
    assert_eq!(fleet.versions().await, [2; 6]);
}

#[tokio::test]
async fn an_edited_migration_is_refused_and_nothing_is_applied() {
    let fleet = fleet(3).await;
    fleet.write("0001_accounts.sql", "create table account (id bigint primary key, x int);\n");
    fleet.write("0002_notes.sql", SECOND);

    let up = fleet.migrate(&["up", "--all"]).await;
    let status = fleet.migrate(&["status", "--schema", &fleet.schemas[0], "--json"]).await;

    assert_eq!(up.code, Some(1), "{up:?}");
    assert!(up.err.contains("(0001_accounts.sql) has another text"), "{up:?}");
    assert_eq!(fleet.versions().await, [1; 3]);
    assert_eq!(status.json()["migrations"][0]["state"], "edited", "{status:?}");
    assert_eq!(status.code, Some(1));
}

#[tokio::test]
async fn down_takes_back_and_the_shared_schema_says_how_it_stands() {
    let fleet = fleet(2).await;
    fleet.write("0002_notes.up.sql", SECOND);
    fleet.write("0002_notes.down.sql", "drop table note;\n");
    fleet.migrate(&["up", "--all"]).await;

    let unasked = fleet.migrate(&["down", "--all"]).await;
    let down = fleet.migrate(&["down", "--all", "--yes"]).await;
    let shared = fleet.system.cli(&["migrate", "public", "status"]).await;

    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    assert_eq!(down.code, Some(0), "{down:?}");
    assert_eq!(fleet.versions().await, [1; 2]);
    assert_eq!(shared.code, Some(0), "{shared:?}");
}

#[tokio::test]
async fn a_command_that_dies_in_the_middle_stops_nothing() {
    let mut fleet = fleet(8).await;
    fleet.write("0002_notes.sql", &format!("{SECOND}select pg_sleep(0.3);"));
    let folder = fleet.folder.to_str().unwrap().to_owned();
    fleet.system.add_worker(&[("TENANT_MIGRATIONS_DIR", &folder)]).await;
    let mut command = fleet.system.spawn_cli(&["migrate", "tenant", "up", "--all"]);
    let held = "select count(*) from tenantry.operation_items i
        join tenantry.workers w on w.id = i.worker_id and w.id like 'cli:%' where i.state = 'running'";
    eventually("the command to work on tenants", PATIENCE, async || {
        (fleet.system.count(held).await > 0).then_some(())
    })
    .await;

    command.kill().await;

    let open = "select count(*) from tenantry.operations where finished_at is null";
    eventually("the workers to finish the operation", PATIENCE, async || {
        (fleet.system.count(open).await == 0).then_some(())
    })
    .await;
    assert_eq!(fleet.versions().await, [2; 8]);
    let clean =
        "select count(*) from tenantry.operations where kind = 'migrate' and state = 'completed'";
    assert_eq!(fleet.system.count(clean).await, 1);
}

#[tokio::test]
async fn a_fleet_is_left_to_the_workers_on_request() {
    let mut fleet = fleet(5).await;
    fleet.write("0002_notes.sql", SECOND);
    let dry = fleet.migrate(&["up", "--all", "--dry-run"]).await;
    let detached = fleet.migrate(&["up", "--all", "--detach"]).await;
    let waiting = "select count(*) from tenantry.operation_items i
        join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate'
        where i.state = 'queued'";
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert_eq!(detached.code, Some(0), "{detached:?}");
    assert_eq!(fleet.versions().await, [1; 5], "no worker has these migrations yet");
    assert_eq!(fleet.system.count(waiting).await, 5);

    let folder = fleet.folder.to_str().unwrap().to_owned();
    fleet.system.add_worker(&[("TENANT_MIGRATIONS_DIR", &folder)]).await;

    let open = "select count(*) from tenantry.operations where finished_at is null";
    eventually("the new worker to migrate the fleet", PATIENCE * 2, async || {
        (fleet.system.count(open).await == 0).then_some(())
    })
    .await;
    assert_eq!(fleet.versions().await, [2; 5]);
}
