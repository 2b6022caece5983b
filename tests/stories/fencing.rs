//! A worker that was away for too long finds its items taken, and harms nothing.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::support::{System, eventually, orphans, tenants};

/// Quick to be declared dead, so that the story is short.
const QUICK: &[(&str, &str)] = &[
    ("TENANTRY__WORKER__HEARTBEAT_MS", "200"),
    ("TENANTRY__WORKER__DEAD_AFTER_MS", "2000"),
    ("TENANTRY__WORKER__SWEEP_MS", "500"),
];

/// Everything that a worker could have changed about the tenants made so far.
const STATE: &str = "
select string_agg(line, e'\\n' order by line) from (
    select format('item %s %s %s %s', id, state, attempt, worker_id) from tenantry.operation_items
    union all select format('tenant %s %s %s', id, state, updated_at) from tenantry.tenants
    union all select format('key %s %s %s', id, tenant_id, revoked_at) from tenantry.api_keys
    union all select format('schema %s %s', oid, nspname) from pg_namespace
        where nspname like 'tenant\\_%'
    union all select format('audit %s %s', id, tenant_id) from tenantry.audit_log
        where action like 'tenant.%'
) as all_of_it (line)";

async fn state(system: &System) -> String {
    sqlx::query_scalar(STATE).fetch_one(&system.db.pool).await.unwrap()
}

/// Halts the first worker while it has items in work: how many.
async fn halt_in_the_middle(system: &System) -> i64 {
    let pid = system.workers[0].pid();
    eventually("the worker to have items in work", Duration::from_secs(30), async || {
        system.workers[0].signal(Signal::SIGSTOP);
        let held: i64 = sqlx::query_scalar(
            "select count(*) from tenantry.operation_items i
             join tenantry.workers w on w.id = i.worker_id
             where w.pid = $1 and i.state = 'running'",
        )
        .bind(pid)
        .fetch_one(&system.db.pool)
        .await
        .unwrap();
        if held == 0 {
            system.workers[0].signal(Signal::SIGCONT);
        }
        (held > 0).then_some(held)
    })
    .await
}

async fn lives_of_the_first_worker(system: &System) -> i64 {
    let lives = sqlx::query_scalar("select count(*) from tenantry.workers where pid = $1");
    lives.bind(system.workers[0].pid()).fetch_one(&system.db.pool).await.unwrap()
}

#[tokio::test]
async fn a_worker_halted_past_its_time_loses_its_items_and_changes_nothing_when_it_wakes() {
    let mut system = System::configured(1, QUICK).await;
    let batch = system.submit(tenants(150)).await;
    system.succeeded(&batch, 5).await;

    halt_in_the_middle(&system).await;
    system.add_worker(&[]).await;
    let over = system.finished(&batch).await;
    let before = state(&system).await;

    assert_eq!(over["state"], "completed", "{:#?}", failures(&system, &batch).await);
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());

    system.workers[0].signal(Signal::SIGCONT);
    eventually("the worker to start over", Duration::from_secs(30), async || {
        (lives_of_the_first_worker(&system).await == 2).then_some(())
    })
    .await;
    // All that it had begun has ended one way or another before it may take new items.
    system.workers[1].terminate(Duration::from_secs(40)).await;

    assert_eq!(state(&system).await, before);

    let later: Vec<_> = (1000..1010).map(super::support::tenant).collect();
    system.provision(later).await;

    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
}

async fn failures(system: &System, batch: &str) -> Vec<serde_json::Value> {
    let results = system.results(batch).await;
    results.into_iter().filter(|result| result["status"] != "succeeded").collect()
}
