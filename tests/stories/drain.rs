//! A worker that is told to stop finishes what it has begun, and nothing more.

use std::time::Duration;

use super::support::{System, orphans, tenants};

#[tokio::test]
async fn sigterm_drains_and_another_worker_does_the_rest_once() {
    // Small groups: something is left to do.
    let settings = [("TENANTRY__WORKER__GROUP_SIZE", "8"), ("TENANTRY__POOL__SIZE", "0")];
    let mut system = System::configured(1, &settings).await;
    let batch = system.submit(tenants(300)).await;
    system.succeeded(&batch, 10).await;

    let ended = system.workers[0].terminate(Duration::from_secs(40)).await;
    let left = system.batch(&batch).await["progress"].clone();

    assert_eq!(ended.code(), Some(0));
    assert_eq!((&left["running"], &left["retrying"]), (&0.into(), &0.into()), "{left}");
    assert!(left["queued"].as_u64().unwrap() > 0, "nothing was left to do: {left}");
    let alive = "select count(*) from tenantry.workers where stopped_at is null";
    assert_eq!(system.count(alive).await, 0);

    system.add_worker(&[]).await;
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    let again = "select count(*) from tenantry.operation_items where attempt <> 1";
    assert_eq!(system.count(again).await, 0);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}
