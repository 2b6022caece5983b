//! The same request is one batch, however often it is sent.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{App, tenants, token};

const KEY: &[(&str, &str)] = &[("idempotency-key", "order 4711")];

#[tokio::test]
async fn the_same_request_twice_at_once_is_one_batch() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(50) });
    let send = || app.post_with("/tenants/batch", KEY, &body);

    let (a, b, c) = tokio::join!(send(), send(), send());

    assert_eq!([a.status, b.status, c.status], [StatusCode::ACCEPTED; 3]);
    assert!(a.batch() == b.batch() && b.batch() == c.batch());
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 1);
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 50);
}

#[tokio::test]
async fn two_writings_of_one_value_are_the_same_request() {
    let app = App::start().await;
    let send = async |kind: &str, body: &'static str| {
        let request = app
            .request(axum::http::Method::POST, "/tenants/batch")
            .header(KEY[0].0, KEY[0].1)
            .header("content-type", kind)
            .body(body.into());
        app.send(request.unwrap()).await
    };

    let first = send(
        "application/json",
        r#"{"tenants":[{"tenant_name":"A","domain":"a.example","settings":{"limits":{"users":1}}}]}"#,
    );
    let first = first.await.batch();
    let other_order = send(
        "application/json",
        r#"{ "mode": "independent", "tenants": [ {"settings": {"limits": {"users": 1}},
            "domain": "a.example", "tenant_name": "\u0041"} ] }"#,
    );
    let as_lines = send(
        "application/x-ndjson",
        r#"{"domain": "a.example", "tenant_name": "A", "settings": {"limits": {"users": 1}}}"#,
    );

    assert_eq!((other_order.await.batch(), as_lines.await.batch()), (first, first));
}

#[tokio::test]
async fn a_key_used_for_another_request_is_refused() {
    let app = App::start().await;
    app.post_with("/tenants/batch", KEY, &json!({ "tenants": tenants(1) })).await;

    let other = app.post_with("/tenants/batch", KEY, &json!({ "tenants": tenants(2) })).await;
    let other_call = app.post_with("/tenants", KEY, &tenants(2)[1]).await;

    for refused in [other, other_call] {
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.code(), "idempotency_key_reused");
    }
    assert_eq!(app.count("select count(*) from tenantry.operations").await, 1);
}

#[tokio::test]
async fn a_key_is_its_callers_own() {
    let app = App::start().await;
    let other = token(&app.db, "oscar", domain::Role::Operator).await;
    let body = json!({ "tenants": tenants(1) });
    let first = app.post_with("/tenants/batch", KEY, &body).await;
    let mut request = app
        .request(axum::http::Method::POST, "/tenants/batch")
        .header("idempotency-key", KEY[0].1)
        .body(body.to_string().into())
        .unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {other}").parse().unwrap());

    let second = app.send(request).await;

    assert_eq!(second.status, StatusCode::ACCEPTED);
    assert_ne!(first.batch(), second.batch());
}

#[tokio::test]
async fn a_key_is_free_again_after_24_hours() {
    let app = App::start().await;
    let old = app.post_with("/tenants/batch", KEY, &json!({ "tenants": tenants(1) })).await;
    sqlx::query("update tenantry.idempotency_keys set created_at = now() - interval '25 hours'")
        .execute(&app.db.pool)
        .await
        .unwrap();

    let new = app.post_with("/tenants/batch", KEY, &json!({ "tenants": tenants(2) })).await;

    assert_eq!(new.status, StatusCode::ACCEPTED);
    assert_ne!(old.batch(), new.batch());
}

#[tokio::test]
async fn a_refused_request_uses_no_key_up() {
    let app = App::start().await;
    let refused = app.post_with("/tenants/batch", KEY, &json!({ "tenants": [] })).await;

    let fixed = app.post_with("/tenants/batch", KEY, &json!({ "tenants": tenants(1) })).await;

    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(fixed.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_replayed_result_has_no_keys_and_the_first_one_has() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(1) });
    let waiting = [KEY[0], ("prefer", "wait=20")];
    let worker = async {
        let batch = loop {
            let found: Option<uuid::Uuid> =
                sqlx::query_scalar("select id from tenantry.operations")
                    .fetch_optional(&app.db.pool)
                    .await
                    .unwrap();
            if let Some(id) = found {
                break domain::OperationId::new(id);
            }
            tokio::task::yield_now().await;
        };
        let keys = app.succeed(batch, 1).await;
        app.settle(batch).await;
        keys
    };

    let (first, minted) = tokio::join!(app.post_with("/tenants/batch", &waiting, &body), worker);
    let replayed = app.post_with("/tenants/batch", &waiting, &body).await;

    assert_eq!((first.status, replayed.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(first.body["results"][0]["api_key"], minted[0].expose());
    assert_eq!(replayed.body["results"][0]["api_key"], json!(null));
    assert_eq!(replayed.body["results"][0]["status"], "success");
    assert_eq!(first.batch(), replayed.batch());
}
