//! A batch as a whole: all or nothing, paused, at a time to come, and no batch starved by another.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::support::{System, eventually, orphans, tenant, tenants};

const PATIENCE: Duration = Duration::from_secs(60);

/// Each tenant by itself: one that has to wait holds up no other, and a batch takes its time.
const ONE_BY_ONE: &[(&str, &str)] = &[("TENANTRY__WORKER__GROUP_SIZE", "1")];

fn blocked(number: usize, schema: &str) -> Value {
    let mut item = tenant(number);
    item["schema_name"] = json!(schema);
    item
}

async fn submit(system: &System, body: &Value) -> String {
    let answer = system.client.post("/api/v1/tenants/batch", body, &[]).await.json(202);
    answer["batch_id"].as_str().expect("a batch has an id").to_owned()
}

async fn count_visible(system: &System) -> i64 {
    system.count("select count(*) from tenantry.tenants where state = 'active'").await
}

#[tokio::test]
async fn all_or_nothing_shows_no_tenant_before_the_last_one_is_built() {
    let mut system = System::configured(0, ONE_BY_ONE).await;
    let batch = submit(&system, &json!({ "mode": "atomic", "tenants": tenants(30) })).await;
    // The last item cannot be locked by a worker, so the batch cannot be completed yet.
    let mut tx = system.db.pool.begin().await.unwrap();
    sqlx::query("select from tenantry.operation_items where idx = 29 for update")
        .execute(&mut *tx)
        .await
        .unwrap();

    system.add_worker(&[]).await;
    eventually("29 are built", PATIENCE, async || {
        let built = "select count(*) from tenantry.operation_items where state = 'built'";
        (system.count(built).await == 29).then_some(())
    })
    .await;
    let visible = count_visible(&system).await;
    let revealed = system.reveal(&batch).await.len();
    tx.rollback().await.unwrap();
    let over = system.finished(&batch).await;

    assert_eq!((visible, revealed), (0, 0), "nobody may see a tenant of a batch that may yet fail");
    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(count_visible(&system).await, 30);
    assert_eq!(system.reveal(&batch).await.len(), 30);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn all_or_nothing_leaves_nothing_when_one_fails_and_names_it() {
    let system = System::start(2).await;
    let pool = &system.db.pool;
    sqlx::query("create schema in_the_way").execute(pool).await.unwrap();
    let mut items = tenants(40);
    items[17] = blocked(17, "in_the_way");

    let batch = submit(&system, &json!({ "mode": "atomic", "tenants": items })).await;
    let over = system.finished(&batch).await;
    let results = system.results(&batch).await;

    assert_eq!(over["state"], "rolled_back", "{over}");
    assert_eq!(over["error"]["index"], 17, "{over}");
    assert_eq!(over["error"]["code"], "schema_taken", "{over}");
    assert_eq!(results[17]["status"], "failed");
    for result in results.iter().filter(|result| result["index"] != 17) {
        let status = result["status"].as_str().unwrap();
        assert!(["rolled_back", "cancelled"].contains(&status), "{result}");
        assert_eq!(result["error"]["code"], "batch_rolled_back", "{result}");
    }
    assert_eq!(count_visible(&system).await, 0);
    assert_eq!(orphans(pool).await, ["a schema of nobody: in_the_way"]);
    assert_eq!(system.reveal(&batch).await.len(), 0);
    let events = "select count(*) from tenantry.outbox where kind = 'operation.finished'";
    assert_eq!(system.count(events).await, 1);

    sqlx::query("drop schema in_the_way").execute(pool).await.unwrap();
    system.client.command(&format!("/api/v1/batches/{batch}/retry")).await.json(202);
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(count_visible(&system).await, 40);
}

#[tokio::test]
async fn all_or_nothing_that_is_cancelled_leaves_nothing() {
    let mut system = System::configured(0, ONE_BY_ONE).await;
    let batch = submit(&system, &json!({ "mode": "atomic", "tenants": tenants(20) })).await;
    let mut tx = system.db.pool.begin().await.unwrap();
    sqlx::query("select from tenantry.operation_items where idx = 19 for update")
        .execute(&mut *tx)
        .await
        .unwrap();
    system.add_worker(&[]).await;
    eventually("some are built", PATIENCE, async || {
        let built = "select count(*) from tenantry.operation_items where state = 'built'";
        (system.count(built).await >= 10).then_some(())
    })
    .await;
    tx.rollback().await.unwrap();

    let answer = system.client.command(&format!("/api/v1/batches/{batch}/cancel")).await;
    let over = system.finished(&batch).await;

    if answer.status == 202 {
        assert_eq!(over["state"], "cancelled", "{over}");
        assert_eq!(count_visible(&system).await, 0);
    } else {
        // The last tenant was built in the moment between.
        assert_eq!(over["state"], "completed", "{over}");
    }
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_of_one_does_not_wait_for_a_batch_of_hundreds() {
    let one_at_a_time = [("TENANTRY__WORKER__CONCURRENCY", "1")];
    let system = System::configured(1, &one_at_a_time).await;
    let large = system.submit(tenants(300)).await;
    system.succeeded(&large, 5).await;

    let small = system.submit(vec![tenant(1_000)]).await;
    let over = system.finished(&small).await;
    let large_now = system.client.get(&format!("/api/v1/batches/{large}")).await.json(200);

    assert_eq!(over["state"], "completed", "{over}");
    let left = large_now["progress"]["queued"].as_u64().unwrap();
    assert!(left > 100, "the small batch waited until only {left} of the large one were left");
}

#[tokio::test]
async fn a_paused_batch_rests_and_goes_on_where_it_was() {
    let system = System::configured(1, ONE_BY_ONE).await;
    let batch = system.submit(tenants(100)).await;
    system.succeeded(&batch, 5).await;
    let path = format!("/api/v1/batches/{batch}");

    system.client.command(&format!("{path}/pause")).await.json(200);
    // What runs may finish: at rest when nothing of the batch is running any more.
    let rested = eventually("nothing of it runs", PATIENCE, async || {
        let now = system.client.get(&path).await.json(200);
        (now["progress"]["running"] == 0).then_some(now)
    })
    .await;
    // Another batch, submitted later, is not held up and passes it.
    let other = system.submit(tenants(110).split_off(100)).await;
    assert_eq!(system.finished(&other).await["state"], "completed");
    let still = system.client.get(&path).await.json(200);
    system.client.command(&format!("{path}/resume")).await.json(200);
    let over = system.finished(&batch).await;

    assert_eq!(rested["paused"], true, "{rested}");
    for part in ["queued", "running", "succeeded"] {
        assert_eq!(still["progress"][part], rested["progress"][part], "{still}");
    }
    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_for_later_reserves_its_names_and_starts_when_its_time_has_come() {
    let system = System::start(1).await;
    let soon = Utc::now() + TimeDelta::seconds(4);

    let batch =
        submit(&system, &json!({ "run_at": soon.to_rfc3339(), "tenants": tenants(5) })).await;
    let clash = system.submit(vec![tenant(0)]).await;
    let refused = system.finished(&clash).await;
    let waiting = system.client.get(&format!("/api/v1/batches/{batch}")).await.json(200);
    let over = system.finished(&batch).await;

    assert_eq!(refused["state"], "failed", "the name is reserved: {refused}");
    assert_eq!(waiting["state"], "queued", "{waiting}");
    assert_eq!(over["state"], "completed", "{over}");
    let started: chrono::DateTime<Utc> = over["started_at"].as_str().unwrap().parse().unwrap();
    assert!(started >= soon - TimeDelta::seconds(1), "started {started}, not before {soon}");
}
