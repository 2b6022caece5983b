//! A tenant is looked at when a caller asks, and by and by; what is wrong is told until it is no longer so.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::support::{System, eventually, installation, tenant, tenants};

const ACCOUNT: &str = "create table account (id bigint primary key, balance numeric not null);\n";

/// Longest time for what workers do by themselves in a story.
const SOON: Duration = Duration::from_secs(60);

/// A folder of one migration.
fn one_table() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0001_account.sql"), ACCOUNT).unwrap();
    dir
}

struct Fixture {
    system: System,
    _migrations: tempfile::TempDir,
    /// Ids and schemas of the tenants.
    tenants: Vec<(i64, String)>,
}

impl Fixture {
    async fn of(count: usize, more: &[(&str, &str)]) -> Self {
        let dir = one_table();
        let path = dir.path().to_str().unwrap().to_owned();
        let settings = [&[("TENANT_MIGRATIONS_DIR", path.as_str())], more].concat();
        let system = System::configured(1, &settings).await;
        let made = system.provision(tenants(count)).await;
        let of = |it: &Value| {
            (it["tenant_id"].as_i64().unwrap(), it["schema_name"].as_str().unwrap().to_owned())
        };
        let mut tenants: Vec<_> = made.iter().map(of).collect();
        tenants.sort();
        Self { system, _migrations: dir, tenants }
    }

    async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&self.system.db.pool).await.unwrap();
    }

    /// The report of `tenantry tenant check`, and its exit code.
    async fn check(&self, id: i64) -> (Value, Option<i32>) {
        let ran = self.system.cli_at_api(&["tenant", "check", &id.to_string(), "--json"]).await;
        (ran.json(), ran.code)
    }

    async fn is_unhealthy(&self, id: i64, code: &str, words: &str) -> Value {
        let (report, exit) = self.check(id).await;
        assert_eq!((&report["overall_health"], exit), (&"unhealthy".into(), Some(1)), "{report}");
        let reasons = report["reasons"].as_array().unwrap();
        let told =
            reasons.iter().find(|it| it["code"] == code).unwrap_or_else(|| panic!("{report}"));
        assert!(told["message"].as_str().unwrap().contains(words), "{report}");
        assert!(report["error"].as_str().unwrap().contains(words), "{report}");
        report
    }

    async fn is_healthy(&self, id: i64) -> Value {
        let (report, exit) = self.check(id).await;
        let told = (&report["overall_health"], &report["error"], exit);
        assert_eq!(told, (&"healthy".into(), &Value::Null, Some(0)), "{report}");
        report
    }

    async fn findings(&self, query: &str) -> Vec<Value> {
        let page = self.system.client.get(&format!("/api/v1/findings{query}")).await.json(200);
        page["findings"].as_array().unwrap().clone()
    }

    async fn schema_status(&self, id: i64) -> Value {
        let path = format!("/api/v1/tenants/{id}/status");
        self.system.client.get(&path).await.json(200)["schema_status"].clone()
    }

    /// What the counters of the workers from this one on say.
    async fn looks(&self, first: usize) -> u64 {
        let mut looks = 0;
        for worker in &self.system.workers[first..] {
            let text = reqwest::get(format!("{}/metrics", worker.url)).await.unwrap();
            let text = text.text().await.unwrap();
            let lines = text.lines().filter(|it| it.starts_with("tenantry_checks_total{"));
            looks +=
                lines.map(|it| it.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>();
        }
        looks
    }
}

#[tokio::test]
async fn a_tenant_that_lost_a_table_is_unhealthy_until_it_has_it_again() {
    let it = Fixture::of(1, &[]).await;
    let (id, schema) = it.tenants[0].clone();
    let stored = ["tenant", "check", "--stored", &id.to_string()];
    let never = it.system.cli_at_api(&stored).await;
    assert!(never.code == Some(1) && never.err.contains("never_checked"), "{never:?}");
    let well = it.is_healthy(id).await;
    assert_eq!((&well["schema_valid"], &well["db_accessible"]), (&true.into(), &true.into()));
    assert_eq!(it.schema_status(id).await, "provisioned");

    it.run(&format!("drop table {schema}.account")).await;
    let unwell = it.is_unhealthy(id, "shape_differs", "account").await;
    let again = it.is_unhealthy(id, "shape_differs", "account").await;

    assert_eq!((&unwell["schema_valid"], &unwell["db_accessible"]), (&false.into(), &true.into()));
    assert!(again["checked_at"].as_str() > unwell["checked_at"].as_str(), "{again}");
    assert_eq!(it.schema_status(id).await, "drifted");
    let stored = it.system.cli_at_api(&stored).await;
    assert!(stored.code == Some(1) && stored.out.contains("shape_differs"), "{stored:?}");
    let open = it.findings(&format!("?tenant_id={id}")).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((&open[0]["kind"], &open[0]["tenant_id"]), (&"shape_differs".into(), &id.into()));
    assert!(open[0]["last_seen"].as_str() > open[0]["first_seen"].as_str(), "{open:?}");
    let listed = it.system.cli_at_api(&["findings", "--tenant", &schema]).await;
    assert!(listed.out.contains("shape_differs\t"), "{listed:?}");

    it.run(&format!("set search_path = {schema}; {ACCOUNT}")).await;
    it.is_healthy(id).await;

    assert_eq!(it.schema_status(id).await, "provisioned");
    assert_eq!(it.findings("").await, Vec::<Value>::new());
    let closed = it.findings("?closed=true&kind=shape_differs").await;
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert!(closed[0]["closed_at"].is_string() && closed[0]["first_seen"] == open[0]["first_seen"]);
    // The ring is heard: a worker that did not hear it would look every 5 s.
    let began = Instant::now();
    for _ in 0..5 {
        it.is_healthy(id).await;
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // Nothing was held: no operation knows of it.
    let operations = "select count(*) from tenantry.operations where kind <> 'provision'";
    assert_eq!(it.system.count(operations).await, 0);
}

#[tokio::test]
async fn a_role_that_may_enter_its_neighbours_schema_is_found_from_both_sides() {
    let it = Fixture::of(2, &[]).await;
    let [(id, _), (neighbour, theirs)] = [it.tenants[0].clone(), it.tenants[1].clone()];
    let role = format!("tn_{}_{id}", installation(&it.system.db.pool).await);
    it.is_healthy(id).await;

    it.run(&format!("grant usage on schema {theirs} to {role}")).await;

    let report = it.is_unhealthy(id, "shape_differs", "enter a schema that is not its own").await;
    assert_eq!((&report["schema_valid"], &report["db_accessible"]), (&true.into(), &true.into()));
    it.is_unhealthy(neighbour, "shape_differs", &role).await;
    it.run(&format!("revoke usage on schema {theirs} from {role}")).await;
    it.is_healthy(id).await;
    it.is_healthy(neighbour).await;
}

#[tokio::test]
async fn a_suspended_tenant_is_healthy_while_it_is_shut_and_not_when_it_is_let_in() {
    let it = Fixture::of(1, &[]).await;
    let (id, schema) = it.tenants[0].clone();
    let role = format!("tn_{}_{id}", installation(&it.system.db.pool).await);
    let ran = it.system.cli_at_api(&["tenant", "suspend", &id.to_string()]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let shut = it.is_healthy(id).await;

    let told = (&shut["status"], &shut["schema_valid"], &shut["db_accessible"]);
    assert_eq!(told, (&"suspended".into(), &true.into(), &false.into()));
    it.run(&format!("grant usage on schema {schema} to {role}")).await;
    it.is_unhealthy(id, "suspended_tenant_let_in", "use its schema").await;
}

/// Tenants of the rotation, and how many are looked at in a second.
const FLEET: usize = 12;
const PER_SECOND: u32 = 4;

#[tokio::test]
async fn all_tenants_have_their_turn_after_a_long_stop_each_once_at_one_pace() {
    let pace = PER_SECOND.to_string();
    let mut it = Fixture::of(FLEET, &[("TENANTRY__CHECKS__PER_SECOND", &pace)]).await;
    let (damaged, schema) = it.tenants[3].clone();
    it.run(&format!("drop table {schema}.account")).await;
    it.system.workers[0].terminate(SOON).await;
    it.run("update tenantry.check_schedule set enrol_at = now(), enrolled_to = 0").await;
    it.system.add_worker(&[]).await;
    let enrolled = "select count(*) from tenantry.tenant_checks
        where next_due between now() and now() + 0.8 * interval '7 days'";
    eventually("all to be enrolled, at times to come", SOON, async || {
        (it.system.count(enrolled).await == FLEET as i64).then_some(())
    })
    .await;
    assert_eq!(it.looks(1).await, 0);

    it.system.workers[1].terminate(SOON).await;
    it.run("update tenantry.tenant_checks set next_due = now() - interval '10 days'").await;
    it.system.add_worker(&[]).await;
    it.system.add_worker(&[]).await;
    let due = "select count(*) from tenantry.tenant_checks
        where checked_at is null or next_due not between now() + 0.79 * interval '7 days'
                                                     and now() + interval '7 days'";
    eventually("all to have had their turn", SOON, async || {
        (it.system.count(due).await == 0).then_some(())
    })
    .await;

    assert_eq!(it.looks(2).await, FLEET as u64, "each once, by one of the two");
    let least_ms = (FLEET as i64 - 1) * 1000 / i64::from(PER_SECOND);
    let took_ms = it
        .system
        .count(
            "select (extract(epoch from max(checked_at) - min(checked_at)) * 1000)::bigint
                from tenantry.tenant_checks",
        )
        .await;
    assert!(took_ms >= least_ms, "{FLEET} tenants in {took_ms} ms");
    let open = it.findings("").await;
    let found: Vec<_> = open.iter().map(|it| (&it["kind"], &it["tenant_id"])).collect();
    assert_eq!(found, [(&Value::from("shape_differs"), &Value::from(damaged))]);

    it.run(&format!("set search_path = {schema}; {ACCOUNT}")).await;
    it.run("update tenantry.tenant_checks set next_due = now()").await;
    eventually("the finding to be closed", SOON, async || {
        it.findings("").await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_single_tenants_is_examined_once_a_day_and_told_until_it_is_gone() {
    let mut it = Fixture::of(1, &[]).await;
    it.system.provision(vec![tenant(7)]).await;
    let us = installation(&it.system.db.pool).await;
    it.run(&format!(
        "create schema left_behind; comment on schema left_behind is 'tenantry:{us}:999';
         update tenantry.check_schedule set examine_at = now()"
    ))
    .await;
    let examined = "select count(*) from tenantry.check_schedule
        where examined_at is not null and examine_at > now() + interval '18 hours'";
    // A worker looks whether it is time when it starts, and each minute.
    it.system.add_worker(&[]).await;
    eventually("everything to be examined", SOON, async || {
        (it.system.count(examined).await == 1).then_some(())
    })
    .await;

    let open = it.findings("").await;

    let found: Vec<_> = open.iter().map(|it| (&it["kind"], &it["tenant_id"])).collect();
    assert_eq!(found, [(&Value::from("schema_without_tenant"), &Value::from(999))], "{open:?}");
    it.run("drop schema left_behind; update tenantry.check_schedule set examine_at = now()").await;
    it.system.add_worker(&[]).await;
    eventually("the finding to be closed", SOON, async || {
        it.findings("").await.is_empty().then_some(())
    })
    .await;
}
