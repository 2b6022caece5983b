//! Operations that go in waves, over HTTP.

use axum::http::StatusCode;
use domain::{OperationId, Role};
use serde_json::{Value, json};

use crate::{operations::fleet, support::App};

impl App {
    /// An operation that migrates these tenants, each in a wave of its own.
    pub(crate) async fn roll_out(&self, tenants: &[i64]) -> OperationId {
        let waves: Vec<Value> = tenants.iter().map(|id| json!({ "ids": [id] })).collect();
        let body = json!({ "kind": "migrate", "tenants": tenants,
            "params": { "direction": "up" }, "policy": { "rollout": { "waves": waves } } });
        let begun = self.command("/operations", &body).await;
        begun.body["operation_id"].as_str().unwrap().parse().unwrap()
    }
}

fn waves(waves: &Value) -> Value {
    json!({
        "kind": "migrate", "selector": { "all": true }, "params": { "direction": "up" },
        "policy": { "rollout": { "waves": waves } },
    })
}

#[tokio::test]
async fn a_dry_run_shows_the_waves_and_the_digest_names_them() {
    let app = fleet(5).await;
    let asked = waves(&json!([{ "ids": [2] }, { "percent": 50, "gate": "manual" }]));
    let mut dry = asked.clone();
    dry["dry_run"] = json!(true);
    let seen = app.command("/operations", &dry).await;
    let counts: Vec<i64> = seen.body["waves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wave| wave["tenants"].as_i64().unwrap())
        .collect();
    assert_eq!((counts[0], counts.iter().sum::<i64>()), (1, 5), "{seen:?}");
    assert_eq!(seen.body["waves"][0]["sample"][0]["tenant_id"], 2);

    let mut other = waves(&json!([{ "ids": [3] }]));
    other["digest"] = seen.body["digest"].clone();
    let refused = app.command("/operations", &other).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "selection_changed"));
    let mut real = asked;
    real["digest"] = seen.body["digest"].clone();
    let begun = app.command("/operations", &real).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{begun:?}");

    let id = begun.body["operation_id"].as_str().unwrap();
    let shown = app.get(&format!("/rollouts/{id}")).await;
    let states: Vec<&str> = shown.body["waves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wave| wave["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["running", "waiting", "waiting"], "{shown:?}");
    assert_eq!(app.get("/rollouts").await.body["rollouts"][0]["waves"], 3);
    assert_eq!(app.count("select count(*) from apalis.jobs").await, 1, "of the first wave");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let app = fleet(1).await;
    for (policy, pointer) in [
        (json!({ "rollout": { "waves": [{}] } }), "/policy/rollout"),
        (json!({ "rollout": { "halt": {} } }), "/policy/rollout"),
        (json!({ "waves": [] }), "/policy"),
        (json!([]), "/policy"),
    ] {
        let body = json!({ "kind": "migrate", "tenants": [1], "params": { "direction": "up" },
            "policy": policy });
        let answer = app.command("/operations", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer:?}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}: {answer:?}");
    }
    let other = json!({ "kind": "resume", "tenants": [1], "policy": { "rollout": {} } });
    let answer = app.command("/operations", &other).await;
    assert_eq!(answer.body["errors"][0]["pointer"], "/policy/rollout", "{answer:?}");
}

#[tokio::test]
async fn a_rollout_is_promoted_and_a_tenant_left_out_by_an_admin() {
    let app = fleet(3).await;
    let mut asked = waves(&json!([{ "ids": [1], "gate": "manual" }]));
    asked["selector"] = Value::Null;
    asked["tenants"] = json!([1, 2, 3]);
    let begun = app.command("/operations", &asked).await;
    let id = begun.body["operation_id"].as_str().unwrap().to_owned();
    let path = format!("/operations/{id}/promote");

    let refused = app.command(&path, &Value::Null).await;
    assert_eq!(refused.code(), "nothing_to_promote", "{refused:?}");
    let refused = app.send_as(Role::Operator, ("POST", &path), &[], &json!({ "all": true })).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let left_out = format!("/operations/{id}/items/2/skip");
    let skipped = app.command(&left_out, &json!({ "reason": "on Sunday" })).await;
    assert_eq!(skipped.body["status"], "cancelled", "{skipped:?}");
    assert_eq!(skipped.body["error"]["code"], "skipped", "{skipped:?}");

    app.execute("update tenantry.operation_items set state = 'succeeded', finished_at = now() where idx = 0")
        .await;
    let by = store::audit::By::process("test");
    let pool = app.db.pool.clone().into();
    engine::control::roll_on(&pool, by, id.parse().unwrap()).await.unwrap();
    let waits = app.get(&format!("/operations/{id}")).await;
    assert_eq!(waits.body["pause_reasons"], json!(["gate"]), "{waits:?}");
    assert_eq!(waits.body["waiting_for"]["code"], "rollout_waits");

    let going = app.command(&path, &Value::Null).await;
    assert_eq!((going.status, &going.body["paused"]), (StatusCode::OK, &json!(false)), "{going:?}");
    assert_eq!(app.get(&format!("/rollouts/{id}")).await.body["wave"], 2);
    let plain = app.migrate(&[1]).await;
    let refused = app.command(&format!("/operations/{plain}/promote"), &Value::Null).await;
    assert_eq!(refused.code(), "not_a_rollout");
    let missing = app.get(&format!("/rollouts/{plain}")).await;
    assert_eq!(missing.code(), "rollout_not_found");
}
