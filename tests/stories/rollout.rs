//! A fleet is migrated in waves: bad tenants harm no others, gates and bake times outlive workers.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{System, eventually, tenant};

const BASE: &str = "create table account (id bigint primary key, balance numeric not null);\n";

const NO_DEBTS: &str = "alter table account add constraint no_debts check (balance >= 0);\n";

const PATIENCE: Duration = Duration::from_secs(120);

const MOVED: &str = "select count(*) from tenantry.tenant_migrations where version = '0002'";

struct Fleet {
    system: System,
    _dir: TempDir,
}

impl Fleet {
    /// So many tenants at the first version, with a worker that has the second; the migration fails in those of
    /// `in_debt`.
    async fn start(count: usize, in_debt: &[usize]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("0001_base.sql"), BASE).unwrap();
        let settings = [("TENANT_MIGRATIONS_DIR", dir.path().to_str().unwrap())];
        let system = System::configured(1, &settings).await;
        let mut tenants: Vec<Value> = (0..count).map(tenant).collect();
        for (place, tenant) in tenants.iter_mut().enumerate() {
            tenant["schema_name"] = json!(format!("s{place}"));
        }
        system.provision(tenants).await;
        let fleet = Self { system, _dir: dir };
        fleet.balance(in_debt, -5).await;
        let Self { mut system, _dir: dir } = fleet;
        fs::write(dir.path().join("0002_no_debts.sql"), NO_DEBTS).unwrap();
        system.workers[0].terminate(Duration::from_secs(30)).await;
        system.add_worker(&[]).await;
        Self { system, _dir: dir }
    }

    async fn balance(&self, tenants: &[usize], balance: i64) {
        for place in tenants {
            let sql = format!(
                "insert into s{place}.account values (1, {balance})
                 on conflict (id) do update set balance = excluded.balance"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&self.system.db.pool).await.unwrap();
        }
    }

    /// Looks at the waves and submits them as they were seen; the operation's id.
    async fn roll_out(&self, rollout: Value) -> String {
        let mut body = json!({ "kind": "migrate", "selector": { "all": true },
            "params": { "direction": "up" }, "policy": { "rollout": rollout }, "dry_run": true });
        let client = &self.system.client;
        let looked = eventually("the new worker to be known", PATIENCE, async || {
            let answer = client.post("/api/v1/operations", &body, &[]).await;
            (answer.status != 409).then_some(answer)
        });
        let looked = looked.await.json(200);
        (body["dry_run"], body["digest"]) = (json!(false), looked["digest"].clone());
        let made = client.post("/api/v1/operations", &body, &[]).await.json(202);
        made["operation_id"].as_str().unwrap().to_owned()
    }

    /// The rollout once its wave of this number is in this state.
    async fn wave(&self, id: &str, wave: usize, state: &str) -> Value {
        eventually("the wave to get there", PATIENCE, async || {
            let shown = self.system.client.get(&format!("/api/v1/rollouts/{id}")).await.json(200);
            (shown["waves"][wave - 1]["state"] == state).then_some(shown)
        })
        .await
    }

    /// The operation when it is over.
    async fn over(&self, id: &str) -> Value {
        eventually("the rollout to be over", PATIENCE, async || {
            let shown = self.system.client.get(&format!("/api/v1/operations/{id}")).await.json(200);
            shown["finished_at"].is_string().then_some(shown)
        })
        .await
    }

    async fn act(&self, id: &str, act: &str) -> Value {
        let path = format!("/api/v1/operations/{id}/{act}");
        let answer = self.system.client.post(&path, &json!({}), &[]).await;
        assert!(matches!(answer.status, 200 | 202), "{act}: {}", answer.status);
        answer.json(answer.status)
    }
}

/// Versions of the ledger by the order of tenants.
const VERSIONS: &str = "select string_agg(coalesce(version, 'none'), ' ' order by tenant_id)
    from tenantry.tenant_migrations";

#[tokio::test]
async fn who_signs_up_meanwhile_gets_what_the_fleet_has_until_the_last_wave() {
    let fleet = Fleet::start(3, &[]).await;
    let born = async || {
        let ran = fleet.system.cli(&["migrate", "tenant", "status", "--all", "--json"]).await;
        ran.json()["born_at"].as_str().map(str::to_owned)
    };
    let last = async |version: &str| {
        let born: String =
            sqlx::query_scalar(VERSIONS).fetch_one(&fleet.system.db.pool).await.unwrap();
        born.ends_with(version)
    };
    fleet.system.provision(vec![tenant(3)]).await;
    assert!(last("0001").await && born().await.as_deref() == Some("0001"));

    let id = fleet.roll_out(json!({ "waves": [{ "ids": [1], "gate": "manual" }] })).await;
    fleet.wave(&id, 1, "gated").await;
    fleet.system.provision(vec![tenant(4)]).await;
    assert!(last("0001").await, "the others have no more");

    fleet.act(&id, "promote").await;
    fleet.over(&id).await;
    assert_eq!(born().await.as_deref(), Some("0002"));
    let mut next = 5;
    eventually("new tenants to get the second version", PATIENCE, async || {
        fleet.system.provision(vec![tenant(next)]).await;
        next += 1;
        last("0002").await.then_some(())
    })
    .await;
    // Who signed up while the rollout went on, and is no part of it.
    eventually("everybody to have it", PATIENCE, async || {
        let behind = "select count(*) from tenantry.tenant_migrations where version <> '0002'";
        (fleet.system.count(behind).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_poisoned_canary_stops_the_rollout_before_any_other_tenant_is_touched() {
    let fleet = Fleet::start(12, &[4]).await;
    let canary = json!({ "waves": [{ "ids": [5] }, { "percent": 50 }] });

    let id = fleet.roll_out(canary).await;
    let halted = fleet.wave(&id, 1, "halted").await;

    assert_eq!(halted["pause_reasons"], json!(["halt"]), "{halted}");
    let touched = "select count(*) from tenantry.operation_items where wave > 1 and attempt > 0";
    assert_eq!((fleet.system.count(touched).await, fleet.system.count(MOVED).await), (0, 0));

    fleet.balance(&[4], 0).await;
    fleet.act(&id, "retry").await;
    assert_eq!(fleet.over(&id).await["state"], "completed");
    assert_eq!(fleet.system.count(MOVED).await, 12);
}

#[tokio::test]
async fn with_continue_the_bad_ones_stay_where_they_are_and_a_retry_of_their_group_finishes() {
    let bad: Vec<usize> = (0..5).map(|n| n * 7).collect();
    let fleet = Fleet::start(40, &bad).await;
    let waves = json!({ "waves": [{ "percent": 10, "on_failure": "continue" },
        { "percent": 100, "on_failure": "continue", "parallel": 8 }] });

    let id = fleet.roll_out(waves).await;
    let first = fleet.over(&id).await;

    assert_eq!(first["state"], "completed_with_failures", "{first}");
    assert_eq!(fleet.system.count(MOVED).await, 35);
    let shown = fleet.system.client.get(&format!("/api/v1/rollouts/{id}")).await.json(200);
    let groups = shown["failures"].as_array().unwrap();
    assert_eq!((groups.len(), &groups[0]["tenants"]), (1, &json!(5)), "one line: {shown}");
    assert_eq!(groups[0]["code"], "migration_failed", "{shown}");

    fleet.balance(&bad, 0).await;
    let path = format!("/api/v1/operations/{id}/retry");
    let body = json!({ "code": "migration_failed" });
    fleet.system.client.post(&path, &body, &[]).await.json(202);
    assert_eq!(fleet.over(&id).await["state"], "completed");
    assert_eq!(fleet.system.count(MOVED).await, 40);
}

#[tokio::test]
async fn bake_times_end_and_gates_stay_whatever_happens_to_workers() {
    let mut fleet = Fleet::start(4, &[]).await;
    let waves = json!({ "waves": [{ "count": 1, "bake": "1h", "gate": "manual" }] });

    let id = fleet.roll_out(waves).await;
    fleet.wave(&id, 1, "baking").await;
    fleet.system.workers[1].kill().await;
    // The time goes by while no process is there.
    sqlx::query("update tenantry.rollout_waves set bake_until = clock_timestamp() where wave = 1")
        .execute(&fleet.system.db.pool)
        .await
        .unwrap();
    fleet.system.add_worker(&[]).await;

    let gated = fleet.wave(&id, 1, "gated").await;
    assert_eq!(gated["pause_reasons"], json!(["gate"]), "{gated}");
    fleet.system.workers[2].terminate(Duration::from_secs(30)).await;
    fleet.system.add_worker(&[]).await;
    let shown = fleet.system.client.get(&format!("/api/v1/rollouts/{id}")).await.json(200);
    assert_eq!(shown["waves"][0]["state"], "gated", "{shown}");
    assert_eq!(fleet.system.count(MOVED).await, 1);

    fleet.act(&id, "promote").await;
    assert_eq!(fleet.over(&id).await["state"], "completed");
    assert_eq!(fleet.system.count(MOVED).await, 4);
}
