//! What can be done to one tenant can be done to many, from the command line.

use serde_json::{Value, json};

use super::support::{Ran, System, tenant};

/// Status, plan and number of each tenant, in the order of their ids.
async fn told(system: &System) -> Vec<String> {
    let sql = "select concat_ws(' ', state, labels ->> 'plan', settings -> 'metadata' ->> 'n')
        from tenantry.tenants order by id";
    sqlx::query_scalar(sql).fetch_all(&system.db.pool).await.unwrap()
}

async fn ran(system: &System, args: &[&str]) -> Ran {
    let ran = system.cli_at_api(&[&["tenant"], args].concat()).await;
    assert_eq!(ran.code, Some(0), "{args:?}: {} {}", ran.out, ran.err);
    ran
}

#[tokio::test]
async fn tenants_that_fit_are_changed_suspended_resumed_deleted_and_brought_back() {
    let system = System::start(1).await;
    let mut tenants: Vec<Value> = (1..=3).map(tenant).collect();
    for tenant in &mut tenants[..2] {
        tenant["labels"] = json!({ "plan": "trial" });
    }
    let batch = system.submit(tenants).await;
    system.finished(&batch).await;

    let looked = ran(&system, &["suspend", "--with-label", "plan=trial"]).await;
    assert!(looked.err.contains("2 of 2; nothing was done"), "{}", looked.err);
    assert_eq!(told(&system).await, ["active trial", "active trial", "active"]);
    let trial = ["--with-label", "plan=trial", "--yes"];
    ran(&system, &[&["suspend", "--reason", "over"][..], &trial].concat()).await;
    assert_eq!(told(&system).await, ["suspended trial", "suspended trial", "active"]);
    ran(&system, &["resume", "--with-status", "suspended", "--yes"]).await;
    ran(&system, &[&["delete", "--grace", "1"][..], &trial].concat()).await;
    assert_eq!(told(&system).await, ["deleting trial", "deleting trial", "active"]);
    ran(&system, &["undelete", "--with-status", "deleting", "--yes"]).await;

    let settings = r#"{"metadata": {"n": 12345678901234567890}}"#;
    ran(
        &system,
        &[&["update", "--label", "plan=free", "--settings", settings][..], &trial].concat(),
    )
    .await;

    let free = "active free 12345678901234567890";
    assert_eq!(told(&system).await, [free, free, "active"]);
    let too_long = settings.replace("1234567890}", "12345678901234567890}");
    let refused = ["tenant", "update", "--all", "--settings", &too_long, "--yes"];
    let refused = system.cli_at_api(&refused).await;
    assert!(refused.code != Some(0) && refused.err.contains("more digits"), "{}", refused.err);
    assert!(system.examine().await.out.contains("nothing is wrong"));
}
