//! Pause and resume, of a batch and of the whole queue.

use axum::http::StatusCode;
use domain::OperationId;
use serde_json::{Value, json};
use store::workers;

use crate::support::{Answer, App, tenant, tenants};

async fn act(app: &App, batch: OperationId, what: &str) -> Answer {
    app.post(&format!("/batches/{batch}/{what}"), &Value::Null).await
}

fn conflict(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
    answer.code()
}

/// What a worker does with a job that meets a pause.
async fn use_the_jobs_up(app: &App) {
    app.execute("delete from apalis.jobs").await;
}

#[tokio::test]
async fn a_batch_that_is_resumed_has_a_job_for_whatever_waits() {
    let app = App::start().await;
    let batch = app.submit(tenants(6)).await;
    app.execute(
        "update tenantry.operation_items set state = 'running', worker_id = 'w' where idx = 0",
    )
    .await;
    app.execute("update tenantry.operation_items set state = 'retrying' where idx = 1").await;
    app.execute("update tenantry.operation_items set state = 'unwinding' where idx = 2").await;
    app.execute("update tenantry.operation_items set state = 'succeeded' where idx = 3").await;

    let paused = act(&app, batch, "pause").await;
    use_the_jobs_up(&app).await;
    let resumed = act(&app, batch, "resume").await;

    assert_eq!((paused.status, &paused.body["paused"]), (StatusCode::OK, &json!(true)));
    assert_eq!((resumed.status, &resumed.body["paused"]), (StatusCode::OK, &json!(false)));
    assert_eq!(app.with_jobs(batch).await, 4, "queued, retrying and unwinding ones");
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 4);
    assert_eq!(
        app.audited().await,
        ["operation.submitted", "operation.paused", "operation.resumed"]
    );
}

#[tokio::test]
async fn only_a_batch_under_way_is_paused_and_only_a_paused_one_resumed() {
    let app = App::start().await;
    let open = app.submit(tenants(2)).await;
    let over = app.submit(vec![json!({})]).await;
    let unknown = OperationId::mint();

    assert_eq!(conflict(&act(&app, open, "resume").await), "batch_not_paused");
    act(&app, open, "pause").await;
    assert_eq!(conflict(&act(&app, open, "pause").await), "batch_paused");
    assert_eq!(conflict(&act(&app, over, "pause").await), "batch_finished");
    assert_eq!(conflict(&act(&app, over, "resume").await), "batch_finished");
    app.execute("update tenantry.operations set state = 'rolling_back', paused_at = null").await;
    assert_eq!(conflict(&act(&app, open, "pause").await), "batch_ending");
    for what in ["pause", "resume"] {
        assert_eq!(act(&app, unknown, what).await.code(), "batch_not_found");
    }
}

#[tokio::test]
async fn a_cancelled_batch_is_paused_no_more_and_what_is_left_of_it_has_jobs() {
    let app = App::start().await;
    let batch = app.submit(tenants(3)).await;
    app.execute("update tenantry.operation_items set state = 'unwinding' where idx = 1").await;
    act(&app, batch, "pause").await;
    use_the_jobs_up(&app).await;

    let answer = act(&app, batch, "cancel").await;

    assert_eq!(answer.body["state"], "cancelling");
    assert_eq!(answer.body["paused"], false);
    assert_eq!(app.with_jobs(batch).await, 1);
}

#[tokio::test]
async fn a_paused_queue_takes_batches_and_a_resumed_one_has_jobs_for_them() {
    let app = App::start().await;
    let before = app.submit(tenants(2)).await;
    let held = app.submit(vec![tenant(10), tenant(11)]).await;
    act(&app, held, "pause").await;
    let later = json!({
        "tenants": [tenant(20)], "run_at": chrono::Utc::now() + chrono::TimeDelta::days(1),
    });
    let later = app.post("/tenants/batch", &later).await.batch();

    let paused = app.command("/queue/pause", &Value::Null).await;
    let meanwhile = app.submit(vec![tenant(30)]).await;
    use_the_jobs_up(&app).await;
    let resumed = app.command("/queue/resume", &Value::Null).await;

    assert_eq!((paused.status, &paused.body["paused"]), (StatusCode::OK, &json!(true)));
    assert!(paused.body["paused_at"].is_string());
    assert_eq!((resumed.status, &resumed.body["paused"]), (StatusCode::OK, &json!(false)));
    assert_eq!((app.with_jobs(before).await, app.with_jobs(meanwhile).await), (2, 1));
    assert_eq!((app.with_jobs(held).await, app.with_jobs(later).await), (0, 0));
    assert_eq!(conflict(&app.command("/queue/resume", &Value::Null).await), "queue_not_paused");
    app.command("/queue/pause", &Value::Null).await;
    assert_eq!(conflict(&app.command("/queue/pause", &Value::Null).await), "queue_paused");
    let audited = app.audited().await;
    assert_eq!(audited.iter().filter(|a| a.starts_with("queue.")).count(), 3, "{audited:?}");
}

#[tokio::test]
async fn a_resume_wakes_more_than_one_page() {
    let app = App::start_with(&[("MAX_TENANTS_PER_BATCH", "20000")]).await;
    let batch = app.submit(tenants(10_003)).await;
    act(&app, batch, "pause").await;
    use_the_jobs_up(&app).await;

    act(&app, batch, "resume").await;

    assert_eq!(app.with_jobs(batch).await, 10_003);
}

#[tokio::test]
async fn the_queue_shows_what_waits_what_runs_and_who_works() {
    let app = App::start().await;
    app.submit(tenants(5)).await;
    let mut conn = app.db.pool.acquire().await.unwrap();
    for id in ["first", "second", "gone"] {
        let dead_after = std::time::Duration::ZERO;
        let by =
            store::items::Claimant { worker: id, kinds: domain::Kind::ALL, set: "", dead_after };
        workers::register(&mut conn, &by, "host-a", 1, "test").await.unwrap();
    }
    workers::retire(&mut conn, "gone").await.unwrap();
    app.execute(
        "update tenantry.operation_items set state = 'running', worker_id = 'second' where idx < 2",
    )
    .await;

    let queue = app.get("/queue").await.body;

    assert_eq!((&queue["paused"], &queue["paused_at"]), (&json!(false), &Value::Null));
    assert_eq!((&queue["waiting"], &queue["running"]), (&json!(3), &json!(2)));
    let workers = queue["workers"].as_array().unwrap();
    let busy: Vec<_> = workers.iter().map(|w| (w["id"].as_str().unwrap(), &w["busy"])).collect();
    assert_eq!(busy, [("first", &json!(0)), ("second", &json!(2))]);
    assert_eq!(workers[0]["host"], "host-a");
    assert!(workers[0]["started_at"].is_string() && workers[0]["seen_at"].is_string());
}
