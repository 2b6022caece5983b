//! A request that is sent again is not done again.

use futures::future::join_all;
use serde_json::json;

use super::support::{System, tenants};

const KEY: (&str, &str) = ("idempotency-key", "order-4711");

#[tokio::test]
async fn twenty_clients_with_one_key_make_one_batch() {
    let system = System::start(1).await;
    let body = json!({ "tenants": tenants(3) });

    let posts = (0..20).map(|_| system.client.post("/api/v1/tenants/batch", &body, &[KEY]));
    let answers = join_all(posts).await;

    let ids: Vec<_> = answers.iter().map(|a| a.json(202)["batch_id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let over = system.finished(ids[0].as_str().unwrap()).await;
    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(system.count("select count(*) from tenantry.operations").await, 1);
    assert_eq!(system.count("select count(*) from tenantry.tenants").await, 3);
    let submitted = "select count(*) from tenantry.audit_log where action = 'operation.submitted'";
    assert_eq!(system.count(submitted).await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_another_caller_has_keys_of_its_own() {
    let system = System::start(1).await;
    let other_caller = system.client.with_token(&system.make_token("other", "operator").await);
    let path = "/api/v1/tenants/batch";
    let (body, other_body) = (json!({"tenants": tenants(2)}), json!({"tenants": tenants(1)}));

    let first = system.client.post(path, &body, &[KEY]).await.json(202);
    let other = system.client.post(path, &other_body, &[KEY]).await;
    let elsewhere = other_caller.post(path, &other_body, &[KEY]).await.json(202);

    assert_eq!(other.problem(422), "idempotency_key_reused");
    assert_ne!(elsewhere["batch_id"], first["batch_id"]);
    assert_eq!(system.count("select count(*) from tenantry.operations").await, 2);
}

#[tokio::test]
async fn a_replayed_answer_has_everything_but_the_secrets() {
    let system = System::start(1).await;
    let headers = [KEY, ("prefer", "wait=30")];
    let body = json!({ "tenants": tenants(2) });

    let first = system.client.post("/api/v1/tenants/batch", &body, &headers).await.json(200);
    let again = system.client.post("/api/v1/tenants/batch", &body, &headers).await.json(200);

    let mut expected = first.clone();
    for (result, expected) in
        first["results"].as_array().unwrap().iter().zip(expected["results"].as_array_mut().unwrap())
    {
        assert!(result["api_key"].as_str().is_some_and(|key| key.starts_with("tk_")), "{result}");
        expected["api_key"] = json!(null);
    }
    assert_eq!(again, expected);
    let one = [("idempotency-key", "single"), ("prefer", "wait=30")];
    let tenant = super::support::tenant(9);
    let first = system.client.post("/api/v1/tenants", &tenant, &one).await.json(201);
    let again = system.client.post("/api/v1/tenants", &tenant, &one).await.json(201);
    assert!(first["api_key"].is_string(), "{first}");
    assert!(again["api_key"].is_null(), "{again}");
    assert_eq!(again["tenant_id"], first["tenant_id"]);
}
