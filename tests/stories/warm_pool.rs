//! Tenants built in advance: they are kept, given away, replaced after a release, and switched off.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{System, eventually, orphans, tenant, tenants};

/// How long the pool may take to be as it should.
const FILLS_IN: Duration = Duration::from_secs(60);

/// Tells a worker soon what it has to do.
const QUICK: (&str, &str) = ("TENANTRY__WORKER__SWEEP_MS", "300");

const SIZE: (&str, &str) = ("TENANTRY__POOL__SIZE", "6");

/// Waits until there are so many spares, and the youngest worker knows it.
async fn spares(system: &System, wanted: i64) {
    eventually("the pool to be as large as it should be", FILLS_IN, async || {
        let spares = system.count("select count(*) from tenantry.spares").await;
        let worker = system.workers.last().expect("one was started");
        let known = metrics(&worker.url).await;
        let known = known.contains(&format!("tenantry_pool_spares{{state=\"ready\"}} {wanted}\n"));
        (spares == wanted && known).then_some(())
    })
    .await;
}

async fn metrics(url: &str) -> String {
    reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap()
}

fn got_a_spare(result: &Value) -> bool {
    let mut steps = result["steps"].as_array().expect("`steps` is a list").iter();
    steps.any(|step| step["name"] == "take_spare")
}

fn folder(texts: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (number, text) in (1..).zip(texts) {
        fs::write(dir.path().join(format!("000{number}_t.sql")), text).unwrap();
    }
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

#[tokio::test]
async fn idle_workers_keep_spares_and_tenants_get_them() {
    let system = System::configured(2, &[SIZE, QUICK]).await;
    spares(&system, 6).await;

    let results = system.provision(tenants(10)).await;

    let taken = results.iter().filter(|result| got_a_spare(result)).count();
    assert!((1..=6).contains(&taken), "{taken} of 10 got one of 6");
    assert!(
        results.iter().all(|result| result["schema_name"].as_str().unwrap().starts_with("tenant_"))
    );
    spares(&system, 6).await;
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let metrics = metrics(&system.workers[0].url).await;
    assert!(metrics.contains("tenantry_pool_size 6"), "{metrics}");
    assert!(metrics.contains("tenantry_pool_built_total"), "{metrics}");
}

#[tokio::test]
async fn all_or_nothing_takes_spares_and_gives_none_back_half() {
    let system = System::configured(1, &[SIZE, QUICK]).await;
    spares(&system, 6).await;
    sqlx::raw_sql("create schema stranger").execute(&system.db.pool).await.unwrap();
    let mut items = tenants(4);
    items[3]["schema_name"] = "stranger".into();
    let body = serde_json::json!({ "tenants": items, "mode": "atomic" });
    let answer = system.client.post("/api/v1/tenants/batch", &body, &[]).await;
    let batch = answer.json(202)["batch_id"].as_str().unwrap().to_owned();

    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "rolled_back", "{over}");
    sqlx::raw_sql("drop schema stranger").execute(&system.db.pool).await.unwrap();
    spares(&system, 6).await;
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn after_a_release_spares_are_replaced_and_none_of_the_old_is_given_away() {
    let old = folder(&["create table a (x int);"]);
    let new = folder(&["create table a (x int);", "create table b (x int);"]);
    let settings = [SIZE, QUICK, ("TENANT_MIGRATIONS_DIR", text(old.path()))];
    let mut system = System::configured(1, &settings).await;
    spares(&system, 6).await;
    system.workers[0].terminate(FILLS_IN).await;

    system.add_worker(&[("TENANT_MIGRATIONS_DIR", text(new.path()))]).await;
    let at_once = system.provision(vec![tenant(0), tenant(1)]).await;
    eventually("the spares to be replaced", FILLS_IN, async || {
        let old = system.count("select count(*) from tenantry.spares where head = '0001'").await;
        (old == 0).then_some(())
    })
    .await;
    spares(&system, 6).await;
    let later = system.provision(vec![tenant(2), tenant(3)]).await;

    assert!(later.iter().all(got_a_spare), "{later:#?}");
    let behind = system
        .count(
            "select count(*) from tenantry.tenants t left join tenantry.tenant_migrations m
                 on m.tenant_id = t.id where m.version is distinct from '0002'",
        )
        .await;
    assert_eq!((at_once.len(), behind), (2, 0));
    let tables = system
        .count(
            "select count(*) from tenantry.tenants t
             join pg_class c on c.relname = 'b' and c.relnamespace = to_regnamespace(t.schema_name)",
        )
        .await;
    assert_eq!(tables, 4);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn switched_off_nothing_is_left_of_it() {
    let mut system = System::configured(1, &[SIZE, QUICK]).await;
    spares(&system, 6).await;
    system.workers[0].terminate(FILLS_IN).await;

    system.add_worker(&[("TENANTRY__POOL__SIZE", "0")]).await;

    spares(&system, 0).await;
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    let results = system.provision(tenants(2)).await;
    assert!(!results.iter().any(got_a_spare), "{results:#?}");
}

#[tokio::test]
async fn one_tenant_that_is_waited_for_gets_a_spare_and_its_key() {
    let system = System::configured(1, &[SIZE, QUICK]).await;
    spares(&system, 6).await;

    let made = system.client.post("/api/v1/tenants", &tenant(0), &[("prefer", "wait=30")]).await;

    let made = made.json(201);
    assert!(made["api_key"].as_str().is_some_and(|key| key.starts_with("tk_")), "{made}");
    let taken = system
        .count(
            "select count(*) from tenantry.checkpoints where steps @> '[{\"name\": \"take_spare\"}]'",
        )
        .await;
    assert_eq!(taken, 1);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}
