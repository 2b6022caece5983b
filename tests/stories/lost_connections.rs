//! A connection that breaks, wherever a worker is, costs a retry and nothing else.

use std::time::Duration;

use super::support::{System, eventually, orphans, tenants};

/// Until workers have connected anew.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends every session of the workers at once.
const BREAK_ALL: &str = "
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database()
  and application_name in ('tenantry-worker', 'tenantry-queue')";

#[tokio::test]
async fn connections_broken_again_and_again_lose_no_tenant_and_double_none() {
    // Small groups: there is work left at each of the breaks.
    let settings = [("TENANTRY__WORKER__GROUP_SIZE", "4"), ("TENANTRY__POOL__SIZE", "0")];
    let mut system = System::configured(2, &settings).await;
    let batch = system.submit(tenants(250)).await;

    for active in [10, 60, 110, 160] {
        system.succeeded(&batch, active).await;
        eventually("sessions to break", PATIENCE, async || {
            (system.count(BREAK_ALL).await > 0).then_some(())
        })
        .await;
    }
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    let hit = "select count(*) from tenantry.operation_items where attempt > 1";
    assert!(system.count(hit).await > 0, "no tenant was being made when they broke");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    assert_eq!(system.reveal(&batch).await.len(), 250);
    for worker in &mut system.workers {
        let ended = worker.terminate(Duration::from_secs(40)).await;
        assert_eq!(ended.code(), Some(0), "it lived on");
    }
}
