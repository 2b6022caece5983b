//! A worker that dies takes nothing along.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::support::{System, eventually, orphans, tell, tenants};

/// The promise: a dead worker's items are others' within 30 s.
const TAKEN_OVER_IN_SECS: f64 = 30.0;

/// Items that the process with this id has begun and not ended.
const HELD: &str = "select i.id from tenantry.operation_items i
    join tenantry.workers w on w.id = i.worker_id
    where w.pid = $1 and i.state in ('running', 'unwinding')";

async fn held(system: &System, pid: i32) -> Vec<i64> {
    sqlx::query_scalar(HELD).bind(pid).fetch_all(&system.db.pool).await.unwrap()
}

/// Kills the first worker while it has items in work: those items, and when that was.
async fn kill_in_the_middle(system: &mut System) -> (Vec<i64>, chrono::DateTime<chrono::Utc>) {
    let pid = system.workers[0].pid();
    let items =
        eventually("the worker to have items in work", Duration::from_secs(30), async || {
            // Halted, what it holds cannot change between the look and the kill.
            system.workers[0].signal(Signal::SIGSTOP);
            let items = held(system, pid).await;
            if items.is_empty() {
                system.workers[0].signal(Signal::SIGCONT);
            }
            (!items.is_empty()).then_some(items)
        })
        .await;
    let at = sqlx::query_scalar("select clock_timestamp()").fetch_one(&system.db.pool);
    let at = at.await.unwrap();
    system.workers[0].kill().await;
    (items, at)
}

#[tokio::test]
async fn tenants_of_a_killed_worker_are_finished_by_another_and_none_is_made_twice() {
    let mut system = System::start(2).await;
    let batch = system.submit(tenants(500)).await;
    system.succeeded(&batch, 50).await;

    let (items, killed) = kill_in_the_middle(&mut system).await;
    let open = system.batch(&batch).await["progress"]["succeeded"].as_u64().unwrap();
    let over = system.finished(&batch).await;

    assert!(open < 500, "the worker was killed after the end");
    assert_eq!(over["state"], "completed", "{over}");
    assert_eq!(over["progress"]["succeeded"], 500);
    let took: f64 = sqlx::query_scalar(
        "select coalesce(extract(epoch from max(finished_at) - $2), 0)::float8 from tenantry.operation_items
         where id = any($1) and attempt = 2",
    )
    .bind(&items)
    .bind(killed)
    .fetch_one(&system.db.pool)
    .await
    .unwrap();
    tell(&format!(
        "take-over: {} items of a killed worker were finished {took:.1} s after the kill",
        items.len()
    ));
    assert!(took < TAKEN_OVER_IN_SECS, "{took} s");
    let again = "select count(*) from tenantry.operation_items where attempt > 2";
    assert_eq!(system.count(again).await, 0);
    let attempts: Vec<i32> =
        sqlx::query_scalar("select attempt from tenantry.operation_items where id = any($1)")
            .bind(&items)
            .fetch_all(&system.db.pool)
            .await
            .unwrap();
    // 1: its COMMIT was on its way to the server when the worker died.
    assert!(attempts.iter().all(|attempt| [1, 2].contains(attempt)), "{attempts:?}");
    assert!(attempts.contains(&2), "nothing was left to take over: {attempts:?}");
    assert_eq!(orphans(&system.db.pool).await, Vec::<String>::new());
    assert_eq!(system.reveal(&batch).await.len(), 500);
}
