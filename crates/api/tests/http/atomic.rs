//! All or nothing, as far as it is decided without a worker.

use axum::http::StatusCode;
use domain::OperationId;
use serde_json::{Value, json};

use crate::support::{Answer, App, tenant, tenants};

async fn submit(app: &App, tenants: Vec<Value>) -> Answer {
    let answer = app.post("/tenants/batch", &json!({ "tenants": tenants, "mode": "atomic" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer
}

async fn act(app: &App, batch: OperationId, what: &str) -> Answer {
    app.post(&format!("/batches/{batch}/{what}"), &Value::Null).await
}

/// State and code of every item.
async fn items(app: &App, batch: OperationId) -> Vec<String> {
    let results = app.results(batch).await;
    let told = |r: &Value| {
        let code = r["error"]["code"].as_str().unwrap_or("-");
        format!("{} {code}", r["status"].as_str().unwrap())
    };
    results.iter().map(told).collect()
}

#[tokio::test]
async fn a_batch_that_can_be_made_whole_is_taken_like_any_other() {
    let app = App::start().await;

    let answer = submit(&app, tenants(3)).await;

    assert_eq!((&answer.body["mode"], &answer.body["state"]), (&json!("atomic"), &json!("queued")));
    assert_eq!(answer.body["error"], Value::Null);
    assert_eq!(app.with_jobs(answer.batch()).await, 3);
}

#[tokio::test]
async fn one_refused_tenant_refuses_the_whole_and_reserves_nothing() {
    let app = App::start().await;
    app.submit(vec![tenant(2)]).await;

    let answer = submit(&app, vec![tenant(0), tenant(1), tenant(2), json!({}), tenant(4)]).await;

    assert_eq!(answer.body["state"], "rolled_back");
    assert!(answer.body["finished_at"].is_string());
    let error = &answer.body["error"];
    assert_eq!((&error["index"], &error["code"]), (&json!(2), &json!("domain_taken")));
    assert!(error["message"].is_string());
    assert_eq!(
        items(&app, answer.batch()).await,
        [
            "cancelled batch_rolled_back",
            "cancelled batch_rolled_back",
            "failed domain_taken",
            "failed missing_field",
            "cancelled batch_rolled_back",
        ]
    );
    assert_eq!(app.with_jobs(answer.batch()).await, 0);
    assert_eq!(app.count("select count(*) from tenantry.tenants").await, 1, "the other batch's");
    let told =
        "select count(*) from tenantry.outbox o join tenantry.operations b on b.id = o.operation_id
        where o.kind = 'operation.finished' and b.mode = 'atomic' and o.run = 1
          and o.payload ->> 'state' = 'rolled_back'
          and o.payload -> 'progress' ->> 'cancelled' = '3'
          and o.payload -> 'progress' ->> 'failed' = '2'";
    assert_eq!(app.count(told).await, 1);
}

#[tokio::test]
async fn a_refused_whole_is_answered_at_once_to_who_waits() {
    let app = App::start().await;
    let body = json!({ "tenants": [tenant(0), {}], "mode": "atomic" });

    let answer = app.post_with("/tenants/batch", &[("prefer", "wait=30")], &body).await;

    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.body["success"], false);
    assert_eq!(answer.body["summary"]["failed"], 2);
}

#[tokio::test]
async fn what_was_refused_for_a_taken_name_runs_whole_once_the_name_is_free() {
    let app = App::start().await;
    let holder = app.submit(vec![tenant(1)]).await;
    let batch = submit(&app, tenants(3)).await.batch();

    let still_taken = act(&app, batch, "retry").await;
    let unchanged = items(&app, batch).await;
    act(&app, holder, "cancel").await;
    let free = act(&app, batch, "retry").await;

    assert_eq!(still_taken.status, StatusCode::CONFLICT);
    assert_eq!(still_taken.code(), "not_all_retryable");
    let why = &still_taken.body["errors"][0];
    assert_eq!((&why["pointer"], &why["code"]), (&json!("/results/1"), &json!("domain_taken")));
    assert_eq!(still_taken.body["errors"].as_array().unwrap().len(), 1);
    assert_eq!(unchanged[0], "cancelled batch_rolled_back");
    assert_eq!(free.status, StatusCode::ACCEPTED, "{free:?}");
    assert_eq!((&free.body["state"], &free.body["error"]), (&json!("queued"), &Value::Null));
    assert_eq!(items(&app, batch).await, ["queued -"; 3]);
    assert_eq!(app.with_jobs(batch).await, 3);
}

#[tokio::test]
async fn what_was_rolled_back_runs_again_whole_or_not_at_all() {
    let app = App::start().await;
    let batch = submit(&app, tenants(3)).await.batch();
    app.execute(
        "update tenantry.operation_items set finished_at = now(), attempt = 1,
             state = (array['rolled_back', 'failed', 'cancelled'])[idx + 1],
             error_code = (array['batch_rolled_back', 'verify_failed', 'batch_rolled_back'])[idx + 1],
             error_message = 'it did'",
    )
    .await;
    app.execute("update tenantry.tenants set state = 'released'").await;
    app.execute(
        "update tenantry.operations set state = 'rolled_back', culprit_idx = 1, finished_at = now()",
    )
    .await;
    let shown = app.get(&format!("/batches/{batch}")).await.body["error"].clone();
    let thief = app.submit(vec![tenant(2)]).await;

    let stolen = act(&app, batch, "retry").await;
    act(&app, thief, "cancel").await;
    let whole = act(&app, batch, "retry").await;

    assert_eq!(shown, json!({ "index": 1, "code": "verify_failed", "message": "it did" }));
    assert_eq!(stolen.code(), "not_all_retryable");
    assert_eq!(stolen.body["errors"][0]["pointer"], "/results/2");
    assert_eq!(whole.status, StatusCode::ACCEPTED, "{whole:?}");
    assert_eq!(items(&app, batch).await, ["queued -"; 3]);
    let held = "select count(*) from tenantry.tenants where state = 'pending'";
    assert_eq!(app.count(held).await, 3);
}

#[tokio::test]
async fn what_can_never_succeed_or_is_not_undone_keeps_the_whole_from_running_again() {
    let app = App::start().await;
    let invalid = submit(&app, vec![tenant(0), json!({})]).await.batch();
    let stuck = submit(&app, vec![tenant(1), tenant(2)]).await.batch();
    sqlx::query(
        "update tenantry.operation_items set finished_at = now(), error_code = 'verify_failed',
             state = (array['rolled_back', 'undo_failed'])[idx + 1] where operation_id = $1",
    )
    .bind(stuck.get())
    .execute(&app.db.pool)
    .await
    .unwrap();
    app.execute("update tenantry.tenants set state = 'released'").await;
    app.execute(
        "update tenantry.operations set state = 'rolled_back', finished_at = now()
         where finished_at is null",
    )
    .await;

    for batch in [invalid, stuck] {
        let answer = act(&app, batch, "retry").await;
        assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "not_all_retryable"));
    }
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 2, "of the first run");
}

#[tokio::test]
async fn a_cancel_turns_back_what_is_built() {
    let app = App::start().await;
    let batch = submit(&app, tenants(3)).await.batch();
    app.execute("update tenantry.operation_items set state = 'built' where idx < 2").await;
    app.execute("delete from apalis.jobs").await;

    let answer = act(&app, batch, "cancel").await;

    assert_eq!(answer.body["state"], "cancelling");
    let expected = ["unwinding cancelled", "unwinding cancelled", "cancelled cancelled"];
    assert_eq!(items(&app, batch).await, expected);
    assert_eq!(app.with_jobs(batch).await, 2);
}
