//! API keys: revealed until acknowledged, and nowhere else.

use axum::http::StatusCode;
use domain::{OperationId, TenantId};
use keys::ApiKey;
use serde_json::{Value, json};

use crate::support::{App, tenants};

#[tokio::test]
async fn keys_are_revealed_until_they_are_acknowledged() {
    let app = App::start().await;
    let batch = app.submit(tenants(2)).await;
    let minted = app.succeed(batch, 2).await;
    let path = format!("/batches/{batch}/api-keys");
    let reveal = async || app.post(&format!("{path}/reveal"), &Value::Null).await;

    let (first, again) = (reveal().await, reveal().await);
    let acknowledged = app.delete(&path).await;
    let twice = app.delete(&path).await;
    let after = reveal().await;

    let mut shown: Vec<&str> = first.body["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["api_key"].as_str().unwrap())
        .collect();
    let mut expected: Vec<&str> = minted.iter().map(|key| key.expose()).collect();
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    assert_eq!(first.body["keys"][0]["tenant_name"].as_str().map(|n| &n[..4]), Some("Acme"));
    assert_eq!(first.body, again.body);
    assert_eq!(acknowledged.body, json!({ "batch_id": batch, "acknowledged": 2 }));
    assert_eq!(twice.body, json!({ "batch_id": batch, "acknowledged": 0 }));
    assert_eq!(after.body, json!({ "keys": [] }));
    let sealed = "select count(*) from tenantry.api_keys where sealed is not null";
    assert_eq!(app.count(sealed).await, 0);
}

#[tokio::test]
async fn every_reveal_is_audited_for_every_tenant() {
    let app = App::start().await;
    let batch = app.submit(tenants(2)).await;
    app.succeed(batch, 2).await;

    app.post(&format!("/batches/{batch}/api-keys/reveal"), &Value::Null).await;
    app.delete(&format!("/batches/{batch}/api-keys")).await;

    let expected = [
        "operation.submitted",
        "keys.revealed",
        "keys.revealed",
        "keys.acknowledged",
        "keys.acknowledged",
    ];
    assert_eq!(app.audited().await, expected);
    let told = "select count(*) from tenantry.audit_log
        where tenant_id is not null and actor = 'operator:olga' and request_id is not null";
    assert_eq!(app.count(told).await, 4);
}

#[tokio::test]
async fn an_expired_key_is_not_revealed() {
    let app = App::start().await;
    let batch = app.submit(tenants(1)).await;
    app.succeed(batch, 1).await;
    sqlx::query("update tenantry.api_keys set sealed_until = now()")
        .execute(&app.db.pool)
        .await
        .unwrap();

    let answer = app.post(&format!("/batches/{batch}/api-keys/reveal"), &Value::Null).await;

    assert_eq!(answer.body, json!({ "keys": [] }));
}

/// A master key that no process of these tests has.
const OTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Seals the key of the batch's first tenant with [`OTHER_KEY`]: that tenant's id.
async fn seal_first_with_another_key(app: &App, batch: OperationId, minted: &[ApiKey]) -> i64 {
    let hash = minted[0].hash();
    let sql = "select tenant_id from tenantry.api_keys where operation_id = $1 and hash = $2";
    let (pool, hash) = (&app.db.pool, hash.as_slice());
    let id: i64 =
        sqlx::query_scalar(sql).bind(batch.get()).bind(hash).fetch_one(pool).await.unwrap();
    let sealed = app.sealer(OTHER_KEY).await.seal(&minted[0], TenantId::new(id));
    sqlx::query("update tenantry.api_keys set sealed = $1 where tenant_id = $2")
        .bind(sealed)
        .bind(id)
        .execute(pool)
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn a_reveal_gives_what_opens_and_names_the_rest() {
    let app = App::start().await;
    let batch = app.submit(tenants(3)).await;
    let minted = app.succeed(batch, 3).await;
    let unreadable = seal_first_with_another_key(&app, batch, &minted).await;

    let answer = app.post(&format!("/batches/{batch}/api-keys/reveal"), &Value::Null).await;

    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.body["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer.body["unreadable"][0]["tenant_id"], unreadable);
    let reason = answer.body["unreadable"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("TENANTRY_MASTER_KEY_PREVIOUS"), "{reason}");
    assert_eq!(app.audited().await, ["operation.submitted", "keys.revealed", "keys.revealed"]);
}

#[tokio::test]
async fn a_waiting_call_is_answered_although_its_key_cannot_be_shown() {
    for (path, body) in
        [("/tenants", tenants(1).remove(0)), ("/tenants/batch", json!({ "tenants": tenants(1) }))]
    {
        let app = App::start().await;
        let worker = async {
            let batch = loop {
                let sql = "select id from tenantry.operations";
                let found: Option<uuid::Uuid> =
                    sqlx::query_scalar(sql).fetch_optional(&app.db.pool).await.unwrap();
                if let Some(id) = found {
                    break OperationId::new(id);
                }
                tokio::task::yield_now().await;
            };
            let minted = app.succeed(batch, 1).await;
            seal_first_with_another_key(&app, batch, &minted).await;
            app.settle(batch).await;
        };

        let waiting = [("prefer", "wait=20")];
        let (answer, ()) = tokio::join!(app.post_with(path, &waiting, &body), worker);

        let tenant = if path == "/tenants" { &answer.body } else { &answer.body["results"][0] };
        assert!(answer.status.is_success(), "{answer:?}");
        assert!(tenant["tenant_id"].is_i64() && tenant["api_key"].is_null(), "{tenant}");
        assert!(tenant["api_key_unreadable"].is_string(), "{tenant}");
    }
}

#[tokio::test]
async fn a_key_is_in_nothing_but_the_answer_to_a_reveal() {
    let app = App::start().await;
    let batch = app.submit(tenants(1)).await;
    let minted = app.succeed(batch, 1).await;
    app.settle(batch).await;
    app.post(&format!("/batches/{batch}/api-keys/reveal"), &Value::Null).await;
    let secret = minted[0].expose();
    let id = app.results(batch).await[0]["tenant_id"].as_i64().unwrap();

    for path in [
        format!("/batches/{batch}"),
        format!("/batches/{batch}/results"),
        "/batches".to_owned(),
        "/tenants".to_owned(),
        format!("/tenants/{id}"),
        format!("/tenants/{id}/status"),
    ] {
        let answer = app.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.text.contains(secret), "{path}");
    }
    for sql in [
        "select coalesce(string_agg(t::text, ''), '') from tenantry.audit_log t",
        "select coalesce(string_agg(t::text, ''), '') from tenantry.outbox t",
        "select coalesce(string_agg(t::text, ''), '') from tenantry.idempotency_keys t",
        "select coalesce(string_agg(t::text, ''), '') from tenantry.operation_items t",
        "select coalesce(string_agg(t::text, ''), '') from tenantry.api_keys t",
        "select coalesce(string_agg(t::text, ''), '') from apalis.jobs t",
    ] {
        let all: String = sqlx::query_scalar(sql).fetch_one(&app.db.pool).await.unwrap();
        assert!(!all.contains(secret), "{sql}");
    }
}

#[tokio::test]
async fn an_unknown_batch_has_no_keys() {
    let app = App::start().await;
    let batch = OperationId::mint();

    let reveal = app.post(&format!("/batches/{batch}/api-keys/reveal"), &Value::Null).await;
    let acknowledge = app.delete(&format!("/batches/{batch}/api-keys")).await;

    assert_eq!(reveal.status, StatusCode::NOT_FOUND);
    assert_eq!(acknowledge.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_are_revealed_in_pages_with_what_tells_them_apart() {
    let app = App::start().await;
    let mut asked = tenants(3);
    asked[1]["external_id"] = json!("cus_1");
    let batch = app.submit(asked).await;
    let minted = app.succeed(batch, 3).await;
    let path = format!("/batches/{batch}/api-keys/reveal");

    let all = app.post(&path, &Value::Null).await.body;
    let first = app.post(&format!("{path}?limit=2"), &Value::Null).await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.post(&format!("{path}?limit=2&cursor={cursor}"), &Value::Null).await.body;
    let bare = app.post(&format!("{path}?cursor={cursor}"), &Value::Null).await;

    let keys = |page: &Value| page["keys"].as_array().unwrap().clone();
    assert_eq!([keys(&first), keys(&second)].concat(), keys(&all));
    assert_eq!((keys(&first).len(), keys(&second).len(), minted.len()), (2, 1, 3));
    assert_eq!((second.get("next_cursor"), all.get("next_cursor")), (None, None));
    assert_eq!(bare.body, second);
    let one = keys(&all).into_iter().find(|key| key["index"] == 1).unwrap();
    assert_eq!(
        (&one["domain"], &one["external_id"]),
        (&json!("acme1.example.com"), &json!("cus_1"))
    );
}

#[tokio::test]
async fn a_tenants_keys_are_revealed_until_they_are_acknowledged() {
    let app = App::start().await;
    let batch = app.submit(tenants(1)).await;
    let minted = app.succeed(batch, 1).await;
    let (_, issued) = app.issue().await;
    let reveal = async || app.post("/tenants/1/keys/reveal", &Value::Null).await.body;
    let acknowledge = async || {
        app.post("/tenants/1/keys/acknowledge", &Value::Null).await.body["acknowledged"].clone()
    };

    let revealed = reveal().await;
    let counts = (acknowledge().await, acknowledge().await);

    let keys = revealed["keys"].as_array().unwrap();
    let told: Vec<_> = keys.iter().map(|key| (&key["api_key"], &key["index"])).collect();
    let provisioned = json!(minted[0].expose());
    assert_eq!(told, [(&provisioned, &json!(0)), (&json!(issued), &Value::Null)]);
    assert_eq!(counts, (json!(2), json!(0)));
    assert_eq!(reveal().await["keys"], json!([]));
    assert_eq!(app.verdict(&issued).await, "ok");
    assert_eq!(
        app.count("select count(*) from tenantry.api_keys where sealed is not null").await,
        0
    );
}
