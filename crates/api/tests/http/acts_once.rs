//! A call that changes something takes effect once for each `Idempotency-Key`, and one that is answered with 202
//! is held for its result.

use domain::Role;
use serde_json::{Value, json};

use crate::{
    audited::{acts, description},
    operations::fleet,
    support::{App, tenants},
};

const ROWS: &str = "select count(*) from tenantry.audit_log";

/// Calls that may be sent again without a key: they show what is there, where that is a secret, each time with an
/// audit row.
const REPEATABLE: [&str; 5] = [
    "/keys/verify",
    "/batches/{id}/api-keys/reveal",
    "/operations/{id}/api-keys/reveal",
    "/tenants/{id}/check",
    "/tenants/{id}/keys/reveal",
];

/// The calls of the API's own description that do more than read: path, and the call.
fn changes(description: &Value) -> Vec<(&str, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    let methods = ["post", "put", "patch", "delete"];
    let calls = paths.iter().flat_map(|(path, calls)| {
        methods.iter().filter_map(move |method| Some((path, calls.get(method)?)))
    });
    calls.map(|(path, call)| (path.strip_prefix("/api/v1").unwrap(), call)).collect()
}

fn takes(call: &Value, header: &str) -> bool {
    let parameters = call["parameters"].as_array().into_iter().flatten();
    parameters.into_iter().any(|it| it["in"] == "header" && it["name"] == header)
}

#[tokio::test]
async fn every_call_that_changes_something_takes_a_key_and_every_202_a_wait() {
    let app = App::start().await;
    let description = description(&app).await;

    let (mut without_key, mut without_wait) = (Vec::new(), Vec::new());
    for (path, call) in changes(&description) {
        if takes(call, "Idempotency-Key") == REPEATABLE.contains(&path) {
            without_key.push(path);
        }
        if takes(call, "Prefer") != call["responses"]["202"].is_object() {
            without_wait.push(path);
        }
    }

    assert_eq!((without_key, without_wait), (vec![], vec![]));
}

#[tokio::test]
async fn an_act_that_comes_again_with_its_key_is_answered_alike_and_takes_effect_once() {
    let keyed = [("idempotency-key", "click 1")];
    let repeatable = |route: &str| REPEATABLE.iter().any(|path| route.ends_with(path));
    for act in acts().iter().filter(|it| !repeatable(it.route)) {
        let app = App::start().await;
        let route = act.route;
        let (method, path) = act.call(act.before.prepare(&app).await);
        let key = [&keyed[..], act.headers()].concat();
        let send = || app.send_as(Role::Admin, (method, &path), &key, &act.body);

        let first = send().await;
        let after_first = app.count(ROWS).await;
        let again = send().await;
        let after_again = app.count(ROWS).await;
        let other = app.send_as(Role::Admin, ("POST", "/tenants"), &keyed, &tenants(3)[2]).await;

        assert!(first.status.is_success(), "{route}: {first:?}");
        assert_eq!(again.status, first.status, "{route}: {again:?}");
        // The secret of a new key is shown again as a reveal, which is recorded.
        let shown_again = i64::from(first.body["api_key"].is_string());
        assert_eq!(after_again, after_first + shown_again, "{route}");
        assert_eq!(again.body["key_id"], first.body["key_id"], "{route}");
        assert_eq!(again.body["operation_id"], first.body["operation_id"], "{route}");
        assert_eq!(other.code(), "idempotency_key_reused", "{route}: {other:?}");
    }
}

#[tokio::test]
async fn a_key_that_was_acknowledged_is_not_shown_again_and_is_the_same_key() {
    let app = fleet(1).await;
    let key = [("idempotency-key", "new key")];
    let issue = || app.post_with("/tenants/1/keys", &key, &Value::Null);

    let first = issue().await.body;
    app.post("/tenants/1/keys/acknowledge", &Value::Null).await;
    let again = issue().await.body;

    assert!(first["api_key"].is_string() && again["api_key"].is_null(), "{again}");
    assert_eq!(first["key_id"], again["key_id"]);
}

#[tokio::test]
async fn an_acknowledgement_that_comes_late_a_second_time_erases_no_newer_secret() {
    let app = fleet(1).await;
    let key = [("idempotency-key", "seen them")];
    let acknowledge = || app.post_with("/tenants/1/keys/acknowledge", &key, &Value::Null);
    let sealed = "select count(*) from tenantry.api_keys where sealed is not null";

    let first = acknowledge().await.body;
    app.post("/tenants/1/keys", &Value::Null).await;
    let late = acknowledge().await.body;

    assert_eq!((&first["acknowledged"], &late["acknowledged"]), (&json!(1), &json!(0)));
    assert_eq!(app.count(sealed).await, 1);
}

#[tokio::test]
async fn a_release_that_comes_late_a_second_time_leaves_a_newer_hold() {
    let app = fleet(1).await;
    let key = [("idempotency-key", "case 7 is over")];
    let hold = ("PUT", "/tenants/1/hold");
    let release = ("DELETE", "/tenants/1/hold");

    app.send_as(Role::Admin, hold, &[], &Value::Null).await;
    let first = app.send_as(Role::Admin, release, &key, &Value::Null).await;
    app.send_as(Role::Admin, hold, &[], &Value::Null).await;
    let late = app.send_as(Role::Admin, release, &key, &Value::Null).await;

    assert_eq!((first.status.as_u16(), late.status.as_u16()), (200, 200), "{late:?}");
    assert_eq!(
        app.count("select count(*) from tenantry.tenants where held_at is not null").await,
        1
    );
}

#[tokio::test]
async fn the_same_act_twice_at_once_takes_effect_once_and_a_refused_one_uses_no_key_up() {
    let app = App::start().await;
    let batch = app.submit(tenants(2)).await;
    let (pause, resume) = (format!("/batches/{batch}/pause"), format!("/batches/{batch}/resume"));
    let key = [("idempotency-key", "k")];

    let refused = app.post_with(&resume, &key, &Value::Null).await;
    let send = || app.post_with(&pause, &key, &Value::Null);
    let (one, other) = tokio::join!(send(), send());
    let without = app.post(&pause, &Value::Null).await;
    let another_call = app.post_with(&resume, &key, &Value::Null).await;

    assert_eq!(refused.code(), "batch_not_paused");
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200), "{one:?} {other:?}");
    assert_eq!(without.code(), "batch_paused");
    assert_eq!(another_call.code(), "idempotency_key_reused");
    let paused = "select count(*) from tenantry.audit_log where action = 'operation.paused'";
    assert_eq!(app.count(paused).await, 1);
}

#[tokio::test]
async fn a_call_is_held_until_its_operation_is_over_and_says_so() {
    let app = fleet(1).await;
    let wait = [("prefer", "wait=1")];
    let suspend = json!({ "kind": "suspend", "tenants": [1] });
    let migration = app.migrate(&[1]).await;
    let cancel = format!("/operations/{migration}/cancel");

    let open = app.command_with("/operations", &wait, &suspend).await;
    let over = app.command_with(&cancel, &wait, &Value::Null).await;
    let again = app.command_with("/operations", &[], &suspend).await;

    assert_eq!((open.status.as_u16(), over.status.as_u16()), (202, 200), "{open:?} {over:?}");
    assert_eq!(over.body["state"], "cancelled");
    for held in [&open, &over] {
        assert_eq!(held.headers["preference-applied"], "wait=1");
        assert!(held.headers.contains_key("location"));
    }
    assert_eq!(again.status.as_u16(), 202);
    assert!(!again.headers.contains_key("preference-applied"));
}
