//! Batches that start later.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{App, tenant, tenants};

fn after(hours: i64) -> String {
    (Utc::now() + TimeDelta::hours(hours)).to_rfc3339()
}

fn at(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no time: {value}")).parse().unwrap()
}

#[tokio::test]
async fn a_batch_for_later_holds_its_names_and_has_no_jobs() {
    let app = App::start().await;
    let run_at = after(2);

    let answer =
        app.post("/tenants/batch", &json!({ "tenants": tenants(3), "run_at": run_at })).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.body["state"], "queued");
    assert!((at(&answer.body["run_at"]) - at(&json!(run_at))).num_milliseconds().abs() < 2);
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 0);
    let waiting = "select count(*) from tenantry.operation_items i
        join tenantry.operations b on b.id = i.operation_id
        join tenantry.tenants t on t.id = i.tenant_id and t.state = 'pending'
        where i.next_attempt_at = b.run_at
          and b.deadline_at = b.run_at + interval '1 hour'";
    assert_eq!(app.count(waiting).await, 3);
    let taken = app.submit(tenants(1)).await;
    assert_eq!(app.results(taken).await[0]["error"]["code"], "domain_taken");
    let listed = app.get("/batches").await.body;
    assert!(listed["batches"][1]["run_at"].is_string(), "{listed}");
}

#[tokio::test]
async fn lines_are_given_mode_and_time_in_the_query() {
    let app = App::start().await;
    let path = format!("/tenants/batch?mode=atomic&run_at={}", after(1).replace('+', "%2B"));
    let lines = app
        .request(Method::POST, &path)
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .body(Body::from(format!("{}\n{}\n", tenant(1), tenant(2))))
        .unwrap();

    let answer = app.send(lines).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!((&answer.body["mode"], &answer.body["state"]), (&json!("atomic"), &json!("queued")));
    assert!(answer.body["run_at"].is_string());
}

#[tokio::test]
async fn a_time_that_is_past_too_far_or_none_is_refused_and_reserves_nothing() {
    let app = App::start().await;

    for run_at in [after(-1), after(31 * 24), "soon".to_owned()] {
        let body = json!({ "tenants": tenants(1), "run_at": run_at });
        let answer = app.post("/tenants/batch", &body).await;

        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
        assert_eq!(answer.code(), "invalid_run_at");
        assert_eq!(answer.body["errors"][0]["pointer"], "/run_at");
    }
    assert_eq!(app.count("select count(*) from tenantry.tenants").await, 0);
}

#[tokio::test]
async fn a_submission_sent_again_after_its_time_finds_its_batch() {
    let app = App::start().await;
    let soon = Utc::now() + TimeDelta::milliseconds(1500);
    let body = json!({ "tenants": tenants(1), "run_at": soon });
    let key = [("idempotency-key", "k1")];
    let first = app.post_with("/tenants/batch", &key, &body).await;
    while Utc::now() <= soon {
        tokio::task::yield_now().await;
    }

    let again = app.post_with("/tenants/batch", &key, &body).await;
    let new = app.post_with("/tenants/batch", &[("idempotency-key", "k2")], &body).await;

    assert_eq!(again.status, StatusCode::ACCEPTED, "{again:?}");
    assert_eq!(again.batch(), first.batch());
    assert_eq!(new.code(), "invalid_run_at");
}

#[tokio::test]
async fn a_batch_for_later_can_be_cancelled_and_then_retried_at_once() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(2), "run_at": after(5) });
    let batch = app.post("/tenants/batch", &body).await.batch();

    let cancelled = app.post(&format!("/batches/{batch}/cancel"), &Value::Null).await;
    let retried = app.post(&format!("/batches/{batch}/retry"), &Value::Null).await;

    assert_eq!(cancelled.body["state"], "cancelled");
    assert_eq!(retried.body["state"], "queued");
    assert_eq!(retried.body["run_at"], Value::Null);
    assert_eq!(app.with_jobs(batch).await, 2);
}

#[tokio::test]
async fn a_resume_does_not_start_a_batch_before_its_time() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(2), "run_at": after(5) });
    let batch = app.post("/tenants/batch", &body).await.batch();

    app.post(&format!("/batches/{batch}/pause"), &Value::Null).await;
    let resumed = app.post(&format!("/batches/{batch}/resume"), &Value::Null).await;

    assert_eq!(resumed.status, StatusCode::OK);
    assert!(resumed.body["run_at"].is_string());
    assert_eq!(app.with_jobs(batch).await, 0);
}
