//! A connection that breaks, wherever a worker is, costs a retry and nothing else.

use super::support::{System, orphans, tenants};

/// Ends every session of the workers at once.
const BREAK_ALL: &str = "
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database()
  and application_name in ('tenantry-worker', 'tenantry-queue')";

#[tokio::test]
async fn connections_broken_again_and_again_lose_no_tenant_and_double_none() {
    let mut system = System::start(2).await;
    let batch = system.submit(tenants(250)).await;

    for active in [10, 60, 110, 160] {
        system.succeeded(&batch, active).await;
        let broken = system.count(BREAK_ALL).await;
        assert!(broken > 0, "there was nothing to break");
    }
    let over = system.finished(&batch).await;

    assert_eq!(over["state"], "completed", "{over}");
    let hit = "select count(*) from tenantry.batch_items where attempt > 1";
    assert!(system.count(hit).await > 0, "no tenant was being made when they broke");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    assert_eq!(system.reveal(&batch).await.len(), 250);
    for worker in &mut system.workers {
        let ended = worker.terminate(std::time::Duration::from_secs(40)).await;
        assert_eq!(ended.code(), Some(0), "it lived on");
    }
}
