//! Tenants' schemas are compared with what their migrations make: however a tenant got there, it is the same;
//! whatever somebody changed by hand is named.

use std::{env, fs, time::Duration};

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::support::{System, eventually, installation, tenant};

const SOON: Duration = Duration::from_secs(600);

const BASE: &str = "
    create type mood as enum ('well', 'ill');
    create table account (id bigint generated always as identity primary key, email text not null,
        mood mood not null default 'well', balance numeric not null check (balance >= 0));
    create index account_email on account (lower(email));
    create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger account_touched before update on account for each row execute function touch();
    alter table account enable row level security;
    create policy own on account using (balance > 1);
    create view rich as select id, email from account where balance > 100;
";

const NOTE: &str = "
    create table note (account bigint not null references account, text text) with (fillfactor = 70);
    alter table account add column city text default 'Rome';
";

const NO_NOTE: &str = "drop table note; alter table account drop column city;";

/// How many tenants of each origin; all of `DRIFT_TENANTS` in a full run.
fn count() -> usize {
    env::var("DRIFT_TENANTS").map_or(6, |text| text.parse().expect("DRIFT_TENANTS is a number"))
}

struct Fleet {
    system: System,
    dir: tempfile::TempDir,
    made: usize,
}

impl Fleet {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("0001_base.up.sql"), BASE).unwrap();
        fs::write(dir.path().join("0001_base.down.sql"), "select 1;").unwrap();
        let settings = [("TENANT_MIGRATIONS_DIR", dir.path().to_str().unwrap())];
        let system = System::configured(1, &settings).await;
        Self { system, dir, made: 0 }
    }

    /// Makes tenants; says how many of them were spares.
    async fn provision(&mut self, count: usize) -> usize {
        let wanted = (self.made..self.made + count).map(tenant).collect();
        self.made += count;
        let made = self.system.provision(wanted).await;
        let step = |it: &Value| it["name"] == "take_spare";
        made.iter().filter(|it| it["steps"].as_array().unwrap().iter().any(step)).count()
    }

    /// The next release, whose migrations are one more.
    async fn release(&mut self) {
        fs::write(self.dir.path().join("0002_note.up.sql"), NOTE).unwrap();
        fs::write(self.dir.path().join("0002_note.down.sql"), NO_NOTE).unwrap();
        self.replace_worker(&[]).await;
    }

    async fn replace_worker(&mut self, settings: &[(&str, &str)]) {
        let worker = self.system.workers.last_mut().unwrap();
        worker.terminate(Duration::from_secs(60)).await;
        self.system.add_worker(settings).await;
    }

    async fn migrate(&self, args: &[&str]) {
        let ran = self.system.cli(&[&["migrate", "tenant"], args].concat()).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    async fn drift(&self, args: &[&str]) -> (Value, Option<i32>) {
        let ran = self.system.cli(&[&["drift", "--json"], args].concat()).await;
        (ran.json(), ran.code)
    }

    /// All tenants are what the migrations up to `version` make.
    async fn has_none(&self, version: &str) {
        let (told, code) = self.drift(&["--all"]).await;
        let tenants = told["tenants"].as_array().unwrap();
        for it in tenants {
            assert_eq!((&it["drift"], &it["version"]), (&json!([]), &json!(version)), "{it}");
        }
        assert_eq!((tenants.len(), code, &told["ok"]), (self.made, Some(0), &json!(true)));
    }

    async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&self.system.db.pool).await.unwrap();
    }
}

#[tokio::test]
async fn new_tenants_migrated_ones_and_spares_are_the_same_up_down_and_up_again() {
    let mut fleet = Fleet::start().await;
    let count = count();
    fleet.provision(count).await;
    fleet.has_none("0001").await;
    fleet.release().await;

    fleet.has_none("0001").await;
    fleet.migrate(&["up", "--all"]).await;
    // a running one would hear of it with its next heartbeat
    fleet.replace_worker(&[]).await;
    fleet.provision(count).await;
    let size = count.to_string();
    fleet
        .replace_worker(&[("TENANTRY__POOL__SIZE", &size), ("TENANTRY__WORKER__SWEEP_MS", "300")])
        .await;
    let spares = "select count(*) from tenantry.spares";
    eventually("the pool to be full", SOON, async || {
        (fleet.system.count(spares).await == count as i64).then_some(())
    })
    .await;
    let taken = fleet.provision(count).await;
    assert!(taken > 0, "none was a spare");
    fleet.has_none("0002").await;
    fleet.migrate(&["down", "--all", "--to", "1", "--yes"]).await;
    fleet.has_none("0001").await;
    fleet.migrate(&["up", "--all"]).await;

    fleet.has_none("0002").await;
    let found = "select count(*) from tenantry.findings where kind = 'shape_differs'";
    assert_eq!(fleet.system.count(found).await, 0);
}

/// What somebody does by hand, and how it is named.
const DAMAGES: [(&str, &str); 6] = [
    ("alter table S.account alter city set default 'Oslo'", "differs column account.city"),
    ("revoke select on S.note from ROLE", "missing right: SELECT of the role on table note"),
    ("grant select on S.note to drift_guest", "extra right: SELECT of drift_guest on table note"),
    ("create index by_hand on S.note (text)", "extra index note.by_hand"),
    (
        "create or replace function S.touch() returns trigger language plpgsql as $$ begin return null; end $$",
        "differs function touch()",
    ),
    (
        "insert into tenantry.migration_sets
         select 'edited', versions, descriptions, array['x', checksums[2]] from tenantry.migration_sets
         where cardinality(versions) = 2;
         update tenantry.tenant_migrations set set_hash = 'edited' where tenant_id = ID",
        "differs migration 0001 was edited after it had been applied",
    ),
];

#[tokio::test]
async fn each_change_by_hand_is_named_and_shown_until_it_is_taken_back() {
    let mut fleet = Fleet::start().await;
    fleet.release().await;
    // no tenant has any migrations yet: new ones get the newest
    fleet.provision(DAMAGES.len() + 1).await;
    let installation = installation(&fleet.system.db.pool).await;
    let guest = format!("drift_guest_{installation}");
    fleet.run(&format!("create role {guest}")).await;
    let (told, _) = fleet.drift(&["--all"]).await;
    let schemas: Vec<(i64, String)> = told["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (it["tenant_id"].as_i64().unwrap(), it["schema_name"].as_str().unwrap().to_owned())
        })
        .collect();
    for ((damage, _), (id, schema)) in DAMAGES.iter().zip(&schemas) {
        let sql = damage.replace("S.", &format!("{schema}.")).replace("ID", &id.to_string());
        let sql = sql.replace("ROLE", &format!("tn_{installation}_{id}"));
        fleet.run(&sql.replace("drift_guest", &guest)).await;
    }

    let (told, code) = fleet.drift(&["--all"]).await;

    assert_eq!((code, &told["ok"]), (Some(1), &json!(false)));
    for (at, it) in told["tenants"].as_array().unwrap().iter().enumerate() {
        let named: Vec<String> = it["drift"]
            .as_array()
            .unwrap_or_else(|| panic!("{it}"))
            .iter()
            .map(|it| format!("{} {}", it["difference"], it["object"]).replace('"', ""))
            .collect();
        let expected = DAMAGES.get(at).map(|(_, named)| named.replace("drift_guest", &guest));
        assert_eq!(named, Vec::from_iter(expected), "{it}");
    }
    let first = &told["tenants"][0]["drift"][0];
    assert!(first["reference"].as_str().unwrap().ends_with("default 'Rome'::text"), "{first}");
    assert!(first["tenant"].as_str().unwrap().ends_with("default 'Oslo'::text"), "{first}");
    let (id, schema) = &schemas[0];
    let shown = async || fleet.system.client.get(&format!("/api/v1/tenants/{id}")).await.json(200);
    assert_eq!(shown().await["schema_status"], "drifted");
    let ran = fleet.system.cli(&["drift", "--schema", schema]).await;
    assert!(ran.code == Some(1) && ran.out.contains("differs: column account.city"), "{ran:?}");
    assert!(ran.out.contains("1 tenant drifted; compared 1 tenant with what"), "{ran:?}");
    let health = fleet.system.cli_at_api(&["health", "tenants", "--json"]).await.json();
    let sound = (DAMAGES.len() + 1) - DAMAGES.len();
    assert_eq!(health["summary"]["healthy"], sound, "{health}");
    assert_eq!(health["summary"]["drifted"], DAMAGES.len(), "{health}");
    let people = fleet.system.cli_at_api(&["health", "tenants", "--health", "unhealthy"]).await;
    assert!(people.code == Some(0) && people.out.contains("account.city"), "{people:?}");
    fs::write(fleet.dir.path().join("0003_tag.up.sql"), "create table tag (name text)").unwrap();
    let up = fleet.system.cli(&["migrate", "tenant", "up", "--schema", schema]).await;
    assert!(up.code == Some(1) && up.out.contains("the last look found"), "{up:?}");
    fleet.migrate(&["up", "--schema", schema, "--allow-drift"]).await;
    let sample = fleet.system.cli(&["drift", "--sample", "2", "--json"]).await.json();
    assert_eq!(sample["tenants"].as_array().unwrap().len(), 2);

    fleet.run(&format!("alter table {schema}.account alter city set default 'Rome'")).await;
    let (cured, code) = fleet.drift(&["--schema", schema]).await;

    assert_eq!((code, &cured["tenants"][0]["drift"]), (Some(0), &json!([])));
    assert_eq!(shown().await["schema_status"], "provisioned");
    fleet.run(&format!("drop owned by {guest}; drop role {guest}")).await;
}
