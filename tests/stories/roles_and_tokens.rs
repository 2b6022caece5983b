//! Who may do what, and for how long.

use std::time::Duration;

use serde_json::json;

use super::support::{Client, System, eventually, tenant};

/// How long a revoked token may still work.
const REVOKED_IN: Duration = Duration::from_secs(6);

async fn with_role(system: &System, role: &str) -> Client {
    system.client.with_token(&system.make_token(role, role).await)
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for() {
    let system = System::start(1).await;
    let batch = system.submit(vec![tenant(0)]).await;
    system.finished(&batch).await;
    let (viewer, operator) =
        (with_role(&system, "viewer").await, with_role(&system, "operator").await);
    let admin = with_role(&system, "admin").await;
    let (reads, changes) = calls(&batch);

    for path in reads {
        for caller in [&viewer, &operator, &admin] {
            assert_eq!(caller.get(&path).await.status, 200, "{path}");
        }
    }
    for path in changes {
        let body = json!({"tenants": [{"tenant_name": "x", "domain": "localhost"}]});
        let refused = viewer.post(&path, &body, &[]).await;
        assert_eq!(refused.problem(403), "role_too_low", "{path}");
        for caller in [&operator, &admin] {
            let answer = caller.post(&path, &body, &[]).await;
            assert!(![401, 403, 404, 405].contains(&answer.status), "{path}: {}", answer.text);
        }
    }
    let erase = format!("/api/v1/batches/{batch}/api-keys");
    assert_eq!(viewer.delete(&erase).await.status, 403);
    assert_eq!(operator.delete(&erase).await.status, 200);
}

fn calls(batch: &str) -> ([String; 4], [String; 5]) {
    let reads = [
        "tenants".to_owned(),
        "batches".to_owned(),
        format!("batches/{batch}"),
        format!("batches/{batch}/results"),
    ];
    let changes = [
        "tenants/batch".to_owned(),
        "tenants".to_owned(),
        format!("batches/{batch}/cancel"),
        format!("batches/{batch}/retry"),
        format!("batches/{batch}/api-keys/reveal"),
    ];
    (reads.map(|path| format!("/api/v1/{path}")), changes.map(|path| format!("/api/v1/{path}")))
}

#[tokio::test]
async fn without_a_live_token_nothing_is_answered_but_health() {
    let system = System::start(0).await;
    let anonymous = Client::anonymous(&system.api.url);
    let wrong = anonymous.with_token("tto_0000000000000000000000000000000000000000000000000");

    for caller in [&anonymous, &wrong, &anonymous.with_token("")] {
        for path in ["/api/v1/tenants", "/api/tenants", "/api/v1/batches"] {
            let refused = caller.get(path).await;
            assert_eq!(refused.problem(401), "unauthenticated");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
        let refused = caller.post("/api/v1/tenants", &tenant(0), &[]).await;
        assert_eq!(refused.problem(401), "unauthenticated");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(anonymous.get(path).await.status, 200, "{path}");
    }
    assert_eq!(system.count("select count(*) from tenantry.operations").await, 0);
}

#[tokio::test]
async fn an_expired_token_and_soon_a_revoked_one_are_refused() {
    let system = System::start(0).await;
    let expired = system.make_token("expired", "admin").await;
    let expiry = "update tenantry.operator_tokens set expires_at = now() - interval '1 second'
        where name = 'expired'";
    sqlx::query(expiry).execute(&system.db.pool).await.unwrap();
    let expired = system.client.with_token(&expired);
    let leaver = with_role(&system, "operator").await;
    assert_eq!(leaver.get("/api/v1/tenants").await.status, 200);

    let revoked = system.cli(&["token", "revoke", "operator"]).await;

    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert_eq!(expired.get("/api/v1/tenants").await.problem(401), "unauthenticated");
    eventually("the revoked token to be refused", REVOKED_IN, async || {
        (leaver.get("/api/v1/tenants").await.status == 401).then_some(())
    })
    .await;
    let listed = system.cli(&["token", "list"]).await;
    let line = |name: &str| listed.out.lines().find(|l| l.contains(name)).unwrap().to_owned();
    assert!(line("expired").contains("expired") && line("operator").contains("revoked"));
    assert!(!listed.out.contains("tto_"), "{}", listed.out);
}
