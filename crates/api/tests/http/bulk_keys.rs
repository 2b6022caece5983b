//! API keys of many tenants, by operations.

use axum::http::{Method, StatusCode};
use domain::OperationId;
use serde_json::{Value, json};

use crate::{operations::fleet, support::App};

const LIVE: &str = "select count(*) from tenantry.api_keys where revoked_at is null";

#[tokio::test]
async fn a_revocation_takes_effect_when_it_is_accepted() {
    let app = fleet(3).await;
    app.execute("update tenantry.api_keys set created_at = '2020-01-01' where tenant_id = 1").await;
    let revoke = |tenants: &[i64], params: Value| json!({ "kind": "revoke_keys", "tenants": tenants, "params": params });

    let old = json!({ "created_before": "2021-01-01T00:00:00Z" });
    let some = app.post("/operations", &revoke(&[1, 2], old)).await;
    assert_eq!(some.status, StatusCode::ACCEPTED, "{some:?}");
    assert_eq!(app.count(LIVE).await, 2);
    let noted = "select count(*) from tenantry.operation_items i join tenantry.operations o on o.id = i.operation_id
        where o.kind = 'revoke_keys' and i.interrupts and (i.tenant_id = 1) = (i.input ? 'revoked')";
    assert_eq!(app.count(noted).await, 2);
    let secrets = "select count(*) from tenantry.api_keys where revoked_at is not null and sealed is not null";
    assert_eq!(app.count(secrets).await, 0);

    let dry = json!({ "kind": "revoke_keys", "selector": { "all": true }, "dry_run": true });
    let dry = app.post("/operations", &dry).await;
    assert_eq!((app.count(LIVE).await, &dry.body["tenants"]), (2, &json!(3)));
    let all =
        json!({ "kind": "revoke_keys", "selector": { "all": true }, "digest": dry.body["digest"] });
    assert_eq!(app.post("/operations", &all).await.status, StatusCode::ACCEPTED);
    assert_eq!(app.count(LIVE).await, 0);
    let cancel = format!("/operations/{}/cancel", some.body["operation_id"].as_str().unwrap());
    assert_eq!(app.post(&cancel, &json!({})).await.code(), "operation_in_effect");
}

#[tokio::test]
async fn what_is_wrong_with_an_operation_on_keys_is_named() {
    let app = fleet(1).await;

    for (kind, params, pointer) in [
        ("rotate_keys", json!({ "overlap_hours": 8_761 }), "/params/overlap_hours"),
        ("rotate_keys", json!({ "expires_days": 0 }), "/params/expires_days"),
        ("rotate_keys", json!({ "created_before": "2021-01-01T00:00:00Z" }), "/params"),
        (
            "revoke_keys",
            json!({ "created_before": "+20000-01-01T00:00:00Z" }),
            "/params/created_before",
        ),
        ("revoke_keys", json!([]), "/params"),
    ] {
        let body = json!({ "kind": kind, "tenants": [1], "params": params });
        let answer = app.post("/operations", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body} {answer:?}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let later = json!({ "kind": "revoke_keys", "tenants": [1], "run_at": "2030-01-01T00:00:00Z" });
    assert_eq!(app.post("/operations", &later).await.body["errors"][0]["pointer"], "/run_at");
}

#[tokio::test]
async fn a_rotation_is_recorded_with_the_usual_overlap() {
    let app = fleet(1).await;

    let answer = app.post("/operations", &json!({ "kind": "rotate_keys", "tenants": [1] })).await;

    assert_eq!(answer.body["params"], json!({ "overlap_hours": 24 }), "{answer:?}");
}

#[tokio::test]
async fn the_keys_of_an_operation_are_revealed_in_pages_and_acknowledged_with_their_number() {
    let app = App::start().await;
    let batch = app.submit(crate::support::tenants(3)).await;
    app.succeed(batch, 3).await;
    let keys = format!("/operations/{batch}/api-keys");

    let first = app.post(&format!("{keys}/reveal?limit=2"), &Value::Null).await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = app.post(&format!("{keys}/reveal?limit=2&cursor={cursor}"), &Value::Null).await.body;
    let erased = app.delete(&keys).await;

    let of = |page: &Value| page["keys"].as_array().unwrap().clone();
    let all: Vec<Value> = [of(&first), of(&rest)].concat();
    let told: Vec<_> =
        all.iter().map(|key| (key["index"].as_i64(), key["domain"].as_str())).collect();
    let domain = |n: usize| crate::support::tenant(n)["domain"].as_str().unwrap().to_owned();
    let domains: Vec<String> = (0..3).map(domain).collect();
    let expected: Vec<_> =
        domains.iter().enumerate().map(|(n, it)| (Some(n as i64), Some(it.as_str()))).collect();
    assert_eq!(told, expected);
    assert_eq!(erased.body, json!({ "operation_id": batch, "acknowledged": 3 }));
    let unknown = format!("/operations/{}/api-keys/reveal", OperationId::mint());
    assert_eq!(app.post(&unknown, &Value::Null).await.code(), "operation_not_found");
    let as_batch = app.request(Method::DELETE, &format!("/batches/{batch}/api-keys"));
    let as_batch = app.send(as_batch.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(as_batch.body, json!({ "batch_id": batch, "acknowledged": 0 }));
}
