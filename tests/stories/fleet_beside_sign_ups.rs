//! A fleet migration never starves sign-ups: new tenants have lanes and a queue of their own.

use std::{fs, time::Instant};

use serde_json::json;

use super::support::{System, eventually, tell, tenant, tenants};

const FLEET: usize = 300;
const SIGN_UPS: usize = 9;

const FIRST: &str = "create table account (id bigint primary key);\n";
/// Slow for a tenant that is there, and not for one whose tables are made in the same transaction: a lane
/// that has begun with some of these is away for seconds.
const SLOW: &str = "create table note (id bigint primary key);
    select pg_sleep(1) from pg_class
    where oid = 'account'::regclass and xmin <> pg_current_xact_id()::xid;\n";

const OPEN: &str = "select count(*) from tenantry.operation_items i
    join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate'
    where i.state in ('queued', 'running')";
const RUNNING: &str = "select count(*) from tenantry.operation_items i
    join tenantry.operations o on o.id = i.operation_id and o.kind = 'migrate'
    where i.state = 'running'";

#[tokio::test]
async fn a_batch_of_one_is_active_at_once_while_three_hundred_tenants_are_migrated() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0001_accounts.sql"), FIRST).unwrap();
    let dir = folder.path().to_str().unwrap();
    let mut system = System::configured(1, &[("TENANT_MIGRATIONS_DIR", dir)]).await;
    system.provision(tenants(FLEET)).await;
    // The worker of the release before has not this file, and so takes none of these items.
    fs::write(folder.path().join("0002_notes.sql"), SLOW).unwrap();
    system.workers.clear();
    system.add_worker(&[]).await;
    let up = system.cli(&["migrate", "tenant", "up", "--all", "--detach"]).await;
    assert_eq!(up.code, Some(0), "{up:?}");
    let begun = async || (system.count(RUNNING).await > 0).then_some(());
    eventually("the migration to begin", std::time::Duration::from_secs(30), begun).await;

    let mut took_ms = Vec::new();
    for n in 0..SIGN_UPS {
        let posted = Instant::now();
        let body = json!({ "tenants": [tenant(FLEET + n)] });
        let wait = [("prefer", "wait=30")];
        let made = system.client.post("/api/v1/tenants/batch", &body, &wait).await;
        assert_eq!(made.json(200)["summary"]["successful"], 1, "{}", made.text);
        took_ms.push(posted.elapsed().as_millis());
    }
    let open = system.count(OPEN).await;

    took_ms.sort_unstable();
    tell(&format!("POST to active while {open} tenants wait to be migrated: {took_ms:?} ms"));
    assert!(open > 200, "{open} of {FLEET} tenants are left to migrate: it was over too soon");
    assert!(took_ms[SIGN_UPS / 2] < 1_000, "{took_ms:?} ms");
}
