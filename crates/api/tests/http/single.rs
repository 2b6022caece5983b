//! One tenant at a time: what is wrong with it is an error of the call.

use axum::http::StatusCode;
use domain::OperationId;
use serde_json::json;

use crate::support::{App, tenant};

#[tokio::test]
async fn one_tenant_is_a_batch_of_one() {
    let app = App::start().await;

    let answer = app.post("/tenants", &tenant(1)).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body["progress"]["total"], 1);
    assert!(answer.headers["location"].to_str().unwrap().ends_with(&answer.batch().to_string()));
}

#[tokio::test]
async fn an_invalid_tenant_is_refused_with_a_pointer_to_each_bad_field() {
    let app = App::start().await;
    let body = json!({ "tenant_name": "", "domain": "localhost", "x/y": 1 });

    let answer = app.post("/tenants", &body).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.code(), "invalid_tenant_name");
    let errors = answer.body["errors"].as_array().unwrap();
    let pointers: Vec<&str> = errors.iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/tenant_name", "/domain", "/x~1y"]);
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 0);
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_that_names_what_is_taken() {
    let app = App::start().await;
    app.post("/tenants", &tenant(1)).await;

    let answer = app.post("/tenants", &tenant(1)).await;

    assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "domain_taken"));
    assert!(!answer.text.contains("acme1.example.com"), "{answer:?}");
}

#[tokio::test]
async fn a_tenant_made_within_the_wait_comes_with_its_key() {
    let app = App::start().await;
    let worker = async {
        let batch = loop {
            let found: Option<uuid::Uuid> =
                sqlx::query_scalar("select id from tenantry.operations")
                    .fetch_optional(&app.db.pool)
                    .await
                    .unwrap();
            if let Some(id) = found {
                break OperationId::new(id);
            }
            tokio::task::yield_now().await;
        };
        let keys = app.succeed(batch, 1).await;
        app.settle(batch).await;
        keys
    };

    let post = tenant(1);
    let waiting = [("prefer", "wait=20"), ("x-request-id", "req-7")];
    let (answer, minted) = tokio::join!(app.post_with("/tenants", &waiting, &post), worker);

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.body["api_key"], minted[0].expose());
    assert_eq!(answer.body["status"], "active");
    assert_eq!(answer.body["domain"], "acme1.example.com");
    let id = answer.body["tenant_id"].as_i64().unwrap();
    assert_eq!(answer.headers["location"], format!("/api/v1/tenants/{id}").as_str());
    assert_eq!(app.audited().await, ["operation.submitted", "keys.revealed"]);
    let by_request = "select count(*) from tenantry.audit_log
        where request_id = 'req-7' and actor = 'operator:olga'";
    assert_eq!(app.count(by_request).await, 2);
}

#[tokio::test]
async fn a_tenant_that_fails_within_the_wait_is_an_error_with_its_batch() {
    let app = App::start().await;
    let batch = app.post("/tenants", &tenant(1)).await.batch();
    app.fail_rest(batch, "migration_failed").await;
    app.settle(batch).await;
    let key = [("idempotency-key", "k"), ("prefer", "wait=1")];
    let first = app.post_with("/tenants", &key[..1], &tenant(2)).await.batch();
    app.fail_rest(first, "migration_failed").await;
    app.settle(first).await;

    let answer = app.post_with("/tenants", &key, &tenant(2)).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!((answer.code(), answer.batch()), ("migration_failed", first));
}
