//! A fleet is migrated by a request: seen first, then done, and what failed is done again.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::support::{System, eventually, tenant};

const BASE: &str = "create table account (id bigint primary key, balance numeric not null);\n";

const NO_DEBTS: &str = "alter table account add constraint no_debts check (balance >= 0);\n";

/// The operation when it is over.
async fn over(system: &System, id: &str) -> Value {
    eventually("the operation to be over", Duration::from_secs(150), async || {
        let shown = system.client.get(&format!("/api/v1/operations/{id}")).await.json(200);
        shown["finished_at"].is_string().then_some(shown)
    })
    .await
}

#[tokio::test]
async fn a_fleet_is_looked_at_migrated_and_what_failed_of_it_is_migrated_once_its_cause_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0001_base.sql"), BASE).unwrap();
    let settings = [("TENANT_MIGRATIONS_DIR", dir.path().to_str().unwrap())];
    let mut system = System::configured(1, &settings).await;
    let mut tenants: Vec<Value> = (0..6).map(tenant).collect();
    tenants[3]["schema_name"] = json!("in_debt");
    system.provision(tenants).await;
    let pool = system.db.pool.clone();
    sqlx::query("insert into in_debt.account values (1, -5)").execute(&pool).await.unwrap();

    // The release with the next migration takes the place of the one before.
    fs::write(dir.path().join("0002_no_debts.sql"), NO_DEBTS).unwrap();
    system.workers[0].terminate(Duration::from_secs(30)).await;
    system.add_worker(&[]).await;
    let mut body = json!({ "kind": "migrate", "selector": { "all": true },
        "params": { "direction": "up" }, "dry_run": true });
    let operations = "/api/v1/operations";
    let looked = eventually("the new worker to be known", Duration::from_secs(30), async || {
        let answer = system.client.post(operations, &body, &[]).await;
        (answer.status != 409).then_some(answer)
    });
    let looked = looked.await.json(200);
    body["dry_run"] = json!(false);
    let blind = system.client.post(operations, &body, &[]).await.problem(409);
    body["digest"] = looked["digest"].clone();
    let made = system.client.post(operations, &body, &[]).await.json(202);
    let id = made["operation_id"].as_str().unwrap().to_owned();
    let first = over(&system, &id).await;
    let path = format!("{operations}/{id}");
    let failed = system.client.get(&format!("{path}/items?status=failed")).await.json(200);
    let story = system.client.get(&format!("{path}/items/3")).await.json(200);

    assert_eq!((&looked["tenants"], blind.as_str()), (&json!(6), "digest_required"));
    assert_eq!(first["state"], "completed_with_failures", "{first}");
    assert_eq!(
        (&first["progress"]["succeeded"], &first["progress"]["failed"]),
        (&json!(5), &json!(1))
    );
    assert_eq!(failed["items"][0]["error"]["code"], "migration_failed", "{failed}");
    assert_eq!(story["schema_name"], "in_debt");
    assert_eq!(story["failed_attempts"][0]["code"], "migration_failed", "{story}");

    sqlx::query("update in_debt.account set balance = 0").execute(&pool).await.unwrap();
    let group = json!({ "code": "migration_failed" });
    system.client.post(&format!("{path}/retry"), &group, &[]).await.json(202);
    let second = over(&system, &id).await;
    let story = system.client.get(&format!("{path}/items/3")).await.json(200);
    body["dry_run"] = json!(true);
    let none = system.client.post(operations, &body, &[]).await.json(200);
    (body["dry_run"], body["digest"]) = (json!(false), none["digest"].clone());
    let again = system.client.post(operations, &body, &[]).await.json(200);

    assert_eq!(second["state"], "completed", "{story}");
    assert_eq!(story["result"]["to"], "0002", "{story}");
    assert_eq!(story["failed_attempts"].as_array().unwrap().len(), 1, "its story is kept");
    let done = "select count(*) from pg_constraint where conname = 'no_debts'";
    assert_eq!(system.count(done).await, 6);
    assert_eq!(again, json!({ "operation": null, "up_to_date": 6 }));
}
