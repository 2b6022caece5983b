//! What has ended is deleted when it is old enough; its tenants and the audit log stay.

use std::time::Duration;

use serde_json::json;

use super::support::{System, eventually, tenants};

const KEY: (&str, &str) = ("idempotency-key", "order-4711");

/// All that there is becomes 100 days older.
const AGE: &str = "
    update tenantry.operations set finished_at = finished_at - interval '100 days',
        created_at = created_at - interval '100 days' where finished_at is not null;
    update tenantry.outbox set created_at = created_at - interval '100 days';
    update tenantry.idempotency_keys set created_at = created_at - interval '100 days';
    update tenantry.api_keys set created_at = created_at - interval '100 days'";

#[tokio::test]
async fn an_old_batch_is_deleted_and_its_tenants_work_on() {
    let mut system = System::start(1).await;
    let body = json!({ "tenants": tenants(3) });
    let first = system.client.post("/api/v1/tenants/batch", &body, &[KEY]).await.json(202);
    let old = first["batch_id"].as_str().unwrap().to_owned();
    system.finished(&old).await;
    let key = system.reveal(&old).await.remove(0);
    let acknowledge = format!("/api/v1/batches/{old}/api-keys");
    assert_eq!(system.client.delete(&acknowledge).await.status, 200);
    let unread = json!({ "tenants": [super::support::tenant(7)] });
    let unread = system.client.post("/api/v1/tenants/batch", &unread, &[]).await.json(202);
    let unread = unread["batch_id"].as_str().unwrap();
    system.finished(unread).await;
    sqlx::raw_sql(AGE).execute(&system.db.pool).await.unwrap();
    let young = system.submit(vec![super::support::tenant(8)]).await;
    system.finished(&young).await;

    // its sweep begins with a slow round
    system.add_worker(&[]).await;
    eventually("the old batch to be deleted", Duration::from_secs(60), async || {
        let left = "select (select count(*) from tenantry.operations)
            + (select count(*) from tenantry.pruned_operations)";
        (system.count(left).await == 2).then_some(())
    })
    .await;

    for path in ["", "/results"] {
        let gone = system.client.get(&format!("/api/v1/batches/{old}{path}")).await;
        assert_eq!(gone.problem(404), "batch_not_found", "{path}");
    }
    for act in ["api-keys/reveal", "retry", "cancel", "pause", "items/0/undo"] {
        let gone = system.client.command(&format!("/api/v1/batches/{old}/{act}")).await;
        assert_eq!(gone.problem(404), "batch_not_found", "{act}");
    }
    assert_eq!(system.client.delete(&acknowledge).await.problem(404), "batch_not_found");
    assert_eq!(system.batch(unread).await["state"], "completed");
    assert_eq!(system.batch(&young).await["state"], "completed");
    let tenant = system.client.get(&format!("/api/v1/tenants/{}", key.tenant)).await.json(200);
    assert_eq!(tenant["status"], "active", "{tenant}");
    let again = system.client.post("/api/v1/tenants/batch", &body, &[KEY]).await.json(202);
    let again = again["batch_id"].as_str().unwrap();
    assert_ne!(again, old);
    assert_eq!(system.finished(again).await["state"], "failed", "its names are taken");
    let kept = "select count(*) from tenantry.audit_log where operation_id = $1";
    let kept: i64 = sqlx::query_scalar(kept)
        .bind(uuid::Uuid::parse_str(&old).unwrap())
        .fetch_one(&system.db.pool)
        .await
        .unwrap();
    assert!(kept >= 3, "{kept}");
    let doctor = system.examine().await;
    assert_eq!(doctor.code, Some(0), "{}\n{}", doctor.out, doctor.err);
    assert!(doctor.out.contains("nothing is wrong"), "{}", doctor.out);
}
