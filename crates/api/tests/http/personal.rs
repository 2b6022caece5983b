//! What the audit log says of the caller and of the customer, and what stands apart to be erased.

use axum::http::StatusCode;
use domain::Role;
use serde_json::{Value, json};

use crate::{operations::fleet, support::App};

/// All of the log but the part that is erased with a tenant.
async fn what_stays(app: &App) -> String {
    let log = "select string_agg((to_jsonb(l) - 'personal')::text, ' ') from tenantry.audit_log l";
    sqlx::query_scalar(log).fetch_one(&app.db.pool).await.unwrap()
}

/// The newest row of this action.
async fn newest(app: &App, action: &str) -> Value {
    let page = app.get(&format!("/audit?action={action}&limit=1")).await;
    page.body["entries"][0].clone()
}

#[tokio::test]
async fn a_reason_stands_in_the_personal_part_of_its_tenant_alone() {
    let app = fleet(1).await;

    app.post("/tenants/1/suspend", &json!({ "reason": "canary unpaid" })).await;

    let row = newest(&app, "operation.submitted").await;
    assert_eq!(row["personal"], json!({ "params": { "reason": "canary unpaid" } }));
    assert_eq!(row["detail"]["params"], json!({}));
    assert_eq!((&row["role"], &row["tenant_id"]), (&json!("operator"), &json!(1)));
    assert!(!what_stays(&app).await.contains("canary"));
}

#[tokio::test]
async fn a_selection_is_told_by_its_digest_and_without_the_texts_of_customers() {
    let app = fleet(2).await;
    let selector = json!({ "name_prefix": "Acme", "status": ["active"] });
    let mut body =
        json!({ "kind": "suspend", "selector": selector, "params": { "reason": "canary" } });
    body["dry_run"] = true.into();
    let digest = app.post("/operations", &body).await.body["digest"].clone();
    body["dry_run"] = false.into();
    body["digest"] = digest.clone();

    let made = app.post("/operations", &body).await;

    assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
    let row = newest(&app, "operation.submitted").await;
    let told = json!({ "name_prefix": { "characters": 4 }, "status": ["active"] });
    assert_eq!((&row["detail"]["selector"], &row["detail"]["digest"]), (&told, &digest));
    assert_eq!((&row["detail"]["total"], &row["personal"]), (&json!(2), &Value::Null));
    let stays = what_stays(&app).await;
    assert!(!stays.contains("canary") && !stays.contains("Acme"), "{stays}");
}

#[tokio::test]
async fn a_caller_says_for_whom_it_acts_and_gets_no_rights_by_it() {
    let app = fleet(1).await;
    let suspend = ("POST", "/tenants/1/suspend");
    let whom = [("tenantry-actor", "operator:ada")];

    let looked = app.send_as(Role::Viewer, suspend, &whom, &Value::Null).await;
    let acted = app.send_as(Role::Operator, suspend, &whom, &Value::Null).await;

    assert_eq!((looked.status, looked.code()), (StatusCode::FORBIDDEN, "role_too_low"));
    assert_eq!(acted.status, StatusCode::ACCEPTED);
    let found = app.get("/audit?on_behalf_of=operator:ada").await.body;
    assert_eq!(found["entries"].as_array().unwrap().len(), 1);
    assert_eq!(found["entries"][0]["actor"], "operator:olga");
}

#[tokio::test]
async fn a_name_that_cannot_be_printed_is_refused_on_every_call() {
    let app = fleet(1).await;
    let long = "x".repeat(256);

    for wrong in ["", " ", "\u{200b}", "a\u{202e}b", &long] {
        let header = [("tenantry-actor", wrong)];
        for call in [("GET", "/tenants"), ("POST", "/tenants/1/suspend")] {
            let refused = app.send_as(Role::Admin, call, &header, &Value::Null).await;
            let told = (refused.status.as_u16(), refused.code());
            assert_eq!(told, (400, "invalid_header"), "{wrong:?} {call:?}");
        }
    }
    let twice = [("tenantry-actor", "a"), ("tenantry-actor", "b")];
    let refused = app.send_as(Role::Admin, ("GET", "/tenants"), &twice, &Value::Null).await;
    assert_eq!(refused.code(), "invalid_header");
}

#[tokio::test]
async fn a_migration_is_submitted_and_retried_by_an_admin_and_steered_by_an_operator() {
    let app = fleet(1).await;
    let body = json!({ "kind": "migrate", "tenants": [1], "params": { "direction": "up" } });
    let mut dry = body.clone();
    dry["dry_run"] = true.into();

    for body in [&body, &dry] {
        let refused = app.post("/operations", body).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "role_too_low"));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("needs the role `admin`"), "{detail}");
    }
    let id = app.migrate(&[1]).await;
    let act = async |what: &str| {
        app.post(&format!("/operations/{id}/{what}"), &Value::Null).await.status.as_u16()
    };
    assert_eq!((act("pause").await, act("resume").await, act("cancel").await), (200, 200, 202));
    assert_eq!(act("retry").await, 403);
    let retried = app.command(&format!("/operations/{id}/retry"), &Value::Null).await;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{retried:?}");
}
