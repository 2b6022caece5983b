//! The API keys of many tenants are rotated and revoked from the command line.

use serde_json::{Value, json};

use super::support::{System, tenant};

async fn verified(system: &System, key: &str) -> u16 {
    let body = json!({ "api_key": key });
    system.client.post("/api/v1/keys/verify", &body, &[]).await.status
}

#[tokio::test]
async fn keys_of_many_are_rotated_revealed_by_their_operation_and_revoked_at_once() {
    let system = System::start(1).await;
    let mut tenants: Vec<Value> = (1..=3).map(tenant).collect();
    tenants[0]["labels"] = json!({ "leaked": "yes" });
    let batch = system.submit(tenants).await;
    system.finished(&batch).await;
    let old: Vec<String> = system.reveal(&batch).await.into_iter().map(|it| it.key).collect();

    let looked = system.cli_at_api(&["tenant", "keys", "rotate", "--all"]).await;
    assert!(
        looked.code == Some(0) && looked.err.contains("3 of 3; nothing was done"),
        "{}",
        looked.err
    );
    let rotated = ["tenant", "keys", "rotate", "--all", "--overlap-hours", "2", "--yes", "--json"];
    let rotated = system.cli_at_api(&rotated).await;
    assert_eq!(rotated.code, Some(0), "{} {}", rotated.out, rotated.err);
    let operation: Value = serde_json::from_str(&rotated.out).unwrap();
    let id = operation["operation_id"].as_str().unwrap();
    let shown = system.cli_at_api(&["keys", "reveal", "--operation", id, "--json"]).await;
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let mut revealed: Vec<&Value> = shown["keys"].as_array().unwrap().iter().collect();
    revealed.sort_by_key(|key| key["index"].as_i64());
    let new: Vec<&str> = revealed.iter().map(|key| key["api_key"].as_str().unwrap()).collect();
    for key in old.iter().map(String::as_str).chain(new.iter().copied()) {
        assert_eq!(verified(&system, key).await, 200, "both are good for the overlap");
    }
    let erased = system.cli_at_api(&["keys", "acknowledge", "--operation", id]).await;
    assert!(erased.out.contains("3 keys of operation"), "{} {}", erased.out, erased.err);

    let revoked = system
        .cli_at_api(&["tenant", "keys", "revoke", "--with-label", "leaked=yes", "--yes"])
        .await;

    assert_eq!(revoked.code, Some(0), "{} {}", revoked.out, revoked.err);
    let mut states = Vec::new();
    for key in [&old[0], new[0], &old[1], new[1]] {
        states.push(verified(&system, key).await);
    }
    assert_eq!(states, [403, 403, 200, 200]);
    assert!(system.examine().await.out.contains("nothing is wrong"));
    let secrets = "select count(*) from tenantry.audit_log where detail::text like '%tk\\_%'";
    assert_eq!(system.count(secrets).await, 0);
}
