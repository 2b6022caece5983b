//! What the system does when there is nothing to do, and how fast it is on its feet.

use std::time::Duration;

use crate::system::System;

/// How long the idle system is watched, in seconds.
const WATCH_SECS: u64 = 10;

/// Tenants posted one at a time.
const SINGLES: usize = 40;

/// An idle system.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Idle {
    /// Transactions a second that API and workers make together while nothing happens.
    pub(crate) transactions_per_second: f64,
    /// Median from the POST of one tenant to its answer, in milliseconds.
    pub(crate) single_p50_ms: f64,
    /// Median from an item's row to its claim, in milliseconds.
    pub(crate) wait_p50_ms: f64,
    /// Peak memory of the API, in MiB.
    pub(crate) api_memory_mib: Option<u64>,
    /// Peak memory of the largest worker, in MiB.
    pub(crate) worker_memory_mib: Option<u64>,
}

pub(crate) async fn measure(system: &System) -> anyhow::Result<Idle> {
    let mut singles = Vec::with_capacity(SINGLES);
    for n in 0..SINGLES {
        singles.push(system.one_tenant_ms(n).await?);
    }
    let wait_p50_ms: f64 = sqlx::query_scalar(
        "select percentile_cont(0.5) within group (order by
             extract(epoch from started_at - created_at) * 1000)::float8
         from tenantry.batch_items where tenant_name like 'One %'",
    )
    .fetch_one(&system.pool)
    .await?;
    let before = transactions(system).await?;
    tokio::time::sleep(Duration::from_secs(WATCH_SECS)).await;
    let after = transactions(system).await?;
    let (api_memory_mib, worker_memory_mib) = system.peak_memory_mib();
    singles.sort_by(f64::total_cmp);
    Ok(Idle {
        // One of them is the first look itself.
        transactions_per_second: (after - before - 1.0)
            / Duration::from_secs(WATCH_SECS).as_secs_f64(),
        single_p50_ms: singles[SINGLES / 2],
        wait_p50_ms,
        api_memory_mib,
        worker_memory_mib,
    })
}

async fn transactions(system: &System) -> anyhow::Result<f64> {
    let count = "select (xact_commit + xact_rollback)::float8 from pg_stat_database
                 where datname = current_database()";
    Ok(sqlx::query_scalar(count).fetch_one(&system.pool).await?)
}
