//! The digest of a look lets through what was looked at, and nothing else.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    operations::fleet,
    support::{Answer, App},
};

const OPERATIONS: &str = "select count(*) from tenantry.operations where kind <> 'provision'";

fn of(kind: &str, params: Value) -> Value {
    json!({ "kind": kind, "selector": { "all": true }, "params": params })
}

async fn look(app: &App, body: &Value) -> Value {
    let mut body = body.clone();
    body["dry_run"] = true.into();
    let answer = app.command("/operations", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body["digest"].clone()
}

async fn ask(app: &App, body: &Value, digest: &Value) -> Answer {
    let mut body = body.clone();
    body["digest"] = digest.clone();
    app.command("/operations", &body).await
}

#[tokio::test]
async fn who_has_looked_at_one_thing_gets_no_other() {
    let app = fleet(2).await;
    let up = of("migrate", json!({ "direction": "up" }));
    let back = of("migrate", json!({ "direction": "down", "to": "1" }));
    let newest = of("migrate", json!({ "direction": "down" }));
    let suspend = of("suspend", json!({ "reason": "unpaid" }));
    let other_reason = of("suspend", json!({ "reason": "moved" }));
    let without = of("suspend", json!({}));
    let requests = [up, back, newest, suspend, other_reason, without];

    for seen in &requests {
        let digest = look(&app, seen).await;
        for asked in requests.iter().filter(|asked| *asked != seen) {
            let answer = ask(&app, asked, &digest).await;

            let told = (answer.status.as_u16(), answer.code());
            assert_eq!(told, (409, "selection_changed"), "{seen} {asked}");
        }
    }
    assert_eq!(app.count(OPERATIONS).await, 0);
    for seen in requests {
        let digest = look(&app, &seen).await;
        let made = ask(&app, &seen, &digest).await;
        assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
    }
}

#[tokio::test]
async fn a_list_of_tenants_is_held_to_its_digest_too() {
    let app = fleet(2).await;
    let one = json!({ "kind": "migrate", "tenants": [1], "params": { "direction": "up" } });
    let mut back = one.clone();
    back["params"]["direction"] = "down".into();

    let digest = look(&app, &one).await;

    assert_eq!(ask(&app, &back, &digest).await.code(), "selection_changed");
    assert_eq!(ask(&app, &one, &digest).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_selection_of_no_tenants_has_a_digest_and_says_it() {
    let app = fleet(1).await;
    let none = json!({ "kind": "migrate", "selector": { "feature": "none has it" },
        "params": { "direction": "up" } });

    let digest = look(&app, &none).await;
    let refused = ask(&app, &none, &json!("")).await;
    let nothing = ask(&app, &none, &digest).await;

    let digest = digest.as_str().unwrap();
    assert_eq!(digest.len(), 64);
    assert_eq!(refused.code(), "selection_changed");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.ends_with(&format!("0 tenants now, with digest {digest}")), "{detail}");
    assert_eq!(nothing.body, json!({ "operation": null, "up_to_date": 0 }));
}
