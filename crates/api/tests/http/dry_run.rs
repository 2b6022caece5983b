//! A submission that is only tried out.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, tenant, tenants};

#[tokio::test]
async fn a_dry_run_tells_every_tenants_fate_and_writes_nothing() {
    let app = App::start().await;
    app.submit(tenants(1)).await;
    let jobs = app.count("select count(*) from apalis.jobs").await;
    let mut named = tenant(3);
    named["schema_name"] = json!("Chosen");
    let sent =
        json!({ "tenants": [tenant(0), tenant(1), tenant(1), { "tenant_name": "x" }, named] });

    let dry = app.post("/tenants/batch?dry_run=true", &sent).await;

    assert_eq!(dry.status, StatusCode::OK, "{dry:?}");
    assert_eq!((&dry.body["tenants"], &dry.body["bad"]), (&json!(5), &json!(3)));
    let rows = dry.body["rows"].as_array().unwrap();
    let codes: Vec<&Value> = rows.iter().map(|row| &row["error"]["code"]).collect();
    let refused = ["domain_taken", "duplicate_in_batch", "missing_field"].map(|code| json!(code));
    assert_eq!(codes, [&refused[0], &Value::Null, &refused[1], &refused[2], &Value::Null]);
    assert!(rows[1]["schema_name"].as_str().unwrap().starts_with("tenant_acme_1_"), "{}", rows[1]);
    assert_eq!(rows[4]["schema_name"], "chosen");
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 1);
    assert_eq!(app.count("select count(*) from tenantry.tenants").await, 1);
    assert_eq!(app.count("select count(*) from apalis.jobs").await, jobs);
    assert_eq!(app.audited().await, ["operation.submitted"]);
}

#[tokio::test]
async fn a_dry_run_refuses_what_a_submission_would_refuse_and_uses_no_key() {
    let app = App::start().await;
    let late = json!({ "tenants": tenants(1), "run_at": "2001-01-01T00:00:00Z" });
    let key = [("idempotency-key", "k")];

    let past = app.post("/tenants/batch?dry_run=true", &late).await;
    let empty = app.post("/tenants/batch?dry_run=true", &json!({ "tenants": [] })).await;
    let odd = app.post("/tenants/batch?dry_run=perhaps", &json!({ "tenants": tenants(1) })).await;
    let body = json!({ "tenants": tenants(1) });
    let dry = app.post_with("/tenants/batch?dry_run=true", &key, &body).await;
    let real = app.post_with("/tenants/batch", &key, &json!({ "tenants": tenants(2) })).await;

    assert_eq!((past.code(), empty.code()), ("invalid_run_at", "empty_batch"));
    assert_eq!((odd.status.as_u16(), odd.code()), (400, "invalid_parameter"));
    assert_eq!((dry.status, real.status), (StatusCode::OK, StatusCode::ACCEPTED));
}
