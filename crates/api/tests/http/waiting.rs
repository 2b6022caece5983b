//! `Prefer: wait`: the answer is the result, if it comes in time.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{App, tenant, tenants};

#[tokio::test]
async fn a_batch_that_is_over_in_time_is_answered_with_its_result() {
    let app = App::start().await;
    let body = json!({ "tenants": [{}, {}] });

    let answer = app.post_with("/tenants/batch", &[("prefer", "wait=5")], &body).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["preference-applied"], "wait=5");
    assert_eq!(answer.body["success"], false);
    let summary = &answer.body["summary"];
    assert_eq!(
        (&summary["total_requested"], &summary["successful"], &summary["failed"]),
        (&json!(2), &json!(0), &json!(2))
    );
    assert!(summary["processing_time_ms"].is_i64());
    assert_eq!(answer.body["results"][1]["status"], "error");
    assert_eq!(answer.body["results"][1]["error"]["code"], "missing_field");
}

#[tokio::test]
async fn a_batch_that_takes_longer_is_answered_as_one_in_work() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(1) });

    let answer = app.post_with("/tenants/batch", &[("prefer", "wait=1")], &body).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.headers["preference-applied"], "wait=1");
    assert_eq!(answer.headers["location"], format!("/api/v1/batches/{}", answer.batch()).as_str());
    assert_eq!(answer.body["state"], "queued");
}

#[tokio::test]
async fn a_process_that_ends_lets_waiting_callers_go() {
    let app = App::start().await;
    let wait = [("prefer", "wait=60")];
    app.stop.cancel();

    let answer = app.post_with("/tenants", &wait, &tenant(1)).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_batch_says_why_it_waits_in_the_answer_that_accepts_it_too() {
    let app = App::start().await;

    let accepted = app.post("/tenants/batch", &json!({ "tenants": tenants(1) })).await;

    let shown = app.get(&format!("/batches/{}", accepted.batch())).await;
    assert_eq!(accepted.body["waiting_for"]["code"], "no_worker");
    assert_eq!(accepted.body["waiting_for"], shown.body["waiting_for"]);
}
