//! Work that waits says for what, and a worker that cannot start says why.

use std::{fs, time::Duration};

use serde_json::json;

use super::support::{System, eventually, tenant, tenants};

const SEEN_IN: Duration = Duration::from_secs(30);

/// Waits until the batch says that it waits for this.
async fn waits_for(system: &System, batch: &str, code: &str) -> String {
    eventually(code, SEEN_IN, async || {
        let seen = system.batch(batch).await["waiting_for"].clone();
        (seen["code"] == code).then(|| seen["message"].as_str().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn a_batch_says_why_it_waits() {
    let mut system = System::start(0).await;
    let batch = system.submit(tenants(1)).await;

    waits_for(&system, &batch, "no_worker").await;
    let shown = system.cli_at_api(&["queue", "show"]).await;
    assert!(shown.err.contains("no worker runs"), "{shown:?}");
    let health = system.cli_at_api(&["health"]).await;
    assert!(health.code == Some(0) && health.out.contains("no worker runs"), "{health:?}");
    system.client.command(&format!("/api/v1/batches/{batch}/pause")).await.json(200);
    waits_for(&system, &batch, "batch_paused").await;
    system.client.command(&format!("/api/v1/batches/{batch}/resume")).await.json(200);
    system.client.command("/api/v1/queue/pause").await.json(200);
    waits_for(&system, &batch, "queue_paused").await;
    system.client.command("/api/v1/queue/resume").await.json(200);
    let at = chrono::Utc::now() + chrono::Duration::hours(1);
    let body = json!({ "tenants": [tenant(7)], "run_at": at });
    let later = system.client.post("/api/v1/tenants/batch", &body, &[]).await.json(202);
    waits_for(&system, later["batch_id"].as_str().unwrap(), "later").await;

    system.add_worker(&[]).await;
    let over = system.finished(&batch).await;

    assert_eq!((&over["state"], &over["waiting_for"]), (&json!("completed"), &json!(null)));
}

#[tokio::test]
async fn a_batch_whose_tenants_wait_for_their_next_try_says_so() {
    let system = System::start(1).await;
    system.provision(vec![tenant(9)]).await;
    let refuse = "create function later() returns event_trigger language plpgsql as $$ begin
             raise exception 'try again' using errcode = 'serialization_failure';
         end $$;
         create event trigger later on ddl_command_start when tag in ('CREATE SCHEMA')
             execute function later()";
    sqlx::raw_sql(refuse).execute(&system.db.pool).await.unwrap();

    let batch = system.submit(tenants(3)).await;
    waits_for(&system, &batch, "back_off").await;
    sqlx::raw_sql("drop event trigger later").execute(&system.db.pool).await.unwrap();
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why_to_those_who_ask_after_the_work() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("0001_broken.sql"), "create table t (m no_such_type);\n").unwrap();
    let settings = [("TENANT_MIGRATIONS_DIR", dir.path().to_str().unwrap())];
    let system = System::configured(0, &settings).await;
    let batch = system.submit(tenants(1)).await;

    let ended = system.spawn_worker("worker", &[]).end(SEEN_IN).await;
    let message = waits_for(&system, &batch, "worker_refused").await;

    assert_eq!(ended.code(), Some(1));
    assert!(message.contains("0001_broken.sql"), "{message}");
}

#[tokio::test]
async fn the_api_measures_the_queue_itself_and_exports_no_series_of_a_worker() {
    let system = System::start(0).await;
    system.submit(tenants(3)).await;

    let text = eventually("the queue to be measured", SEEN_IN, async || {
        let text = system.client.get("/metrics").await.text;
        text.contains("tenantry_queue_waiting 3\n").then_some(text)
    })
    .await;

    assert!(!text.contains("\ntenantry_worker_busy"), "{text}");
}

#[tokio::test]
async fn an_older_schema_is_503_and_nothing_is_worked_on_until_it_fits() {
    let mut system = System::start(1).await;
    system.provision(tenants(1)).await;
    let down = system.cli(&["migrate", "public", "down", "--yes"]).await;
    assert_eq!(down.code, Some(0), "{down:?}");

    eventually("the API to notice", SEEN_IN, async || {
        let answer = system.client.get("/api/v1/batches").await;
        (answer.status == 503 && answer.text.contains("not_migrated")).then_some(())
    })
    .await;
    let worker = system.workers[0].url.clone();
    eventually("the worker to notice", SEEN_IN, async || {
        let answer = reqwest::get(format!("{worker}/readyz")).await.unwrap();
        let text = answer.text().await.unwrap();
        text.contains("migrate public up").then_some(())
    })
    .await;
    let up = system.cli(&["migrate", "public", "up"]).await;
    assert_eq!(up.code, Some(0), "{up:?}");
    eventually("the API to serve again", SEEN_IN, async || {
        (system.client.get("/api/v1/batches").await.status == 200).then_some(())
    })
    .await;

    system.provision(vec![tenant(5)]).await;
    assert!(system.workers[0].has_ended().is_none());
}

#[tokio::test]
async fn a_worker_takes_no_work_on_a_newer_schema() {
    let system = System::start(1).await;
    system.provision(tenants(1)).await;
    sqlx::query(
        "insert into tenantry._migrations
         select 999999, description, installed_on, success, checksum, execution_time
         from tenantry._migrations limit 1",
    )
    .execute(&system.db.pool)
    .await
    .unwrap();
    let retired = "select count(*) from tenantry.workers where stopped_at is null";
    eventually("the worker to leave", SEEN_IN, async || {
        (system.count(retired).await == 0).then_some(())
    })
    .await;

    let batch = system.submit(vec![tenant(3)]).await;
    let message = waits_for(&system, &batch, "worker_refused").await;

    assert!(message.contains("999999") && message.contains("newer release"), "{message}");
    sqlx::query("delete from tenantry._migrations where version = 999999")
        .execute(&system.db.pool)
        .await
        .unwrap();
    system.finished(&batch).await;
}
