//! One tenant at a time, and nothing else to do.

use crate::{
    Args,
    figures::{Figures, median},
    stand::Stand,
    system::{Setup, System},
};

/// Tenants posted.
const TENANTS: usize = 100;

/// Batches posted after them, and tenants in each.
const BATCHES: usize = 9;
const IN_A_BATCH: usize = 20;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let system = System::start(stand, Setup::of("latency", args)).await?;
    let mut answered = Vec::with_capacity(tenants);
    for n in 0..tenants {
        answered.push(system.one_tenant_ms(n).await?);
    }
    let mut batches = Vec::with_capacity(BATCHES);
    for n in 0..BATCHES {
        batches.push(system.small_batch_ms(n, IN_A_BATCH).await?);
    }
    let claimed: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from started_at - created_at)::float8 * 1000
         from tenantry.operation_items",
    )
    .fetch_all(&system.pool)
    .await?;
    let mut figures =
        Figures::of("latency", format!("{tenants} tenants, one after the other, Prefer: wait"));
    figures.add_percentiles("POST to active", &answered);
    let name = format!("POST of {IN_A_BATCH} tenants to active, p50");
    figures.add(name, median(&batches), "ms");
    figures.add("queued to claimed, p50", median(&claimed), "ms");
    system.stop().await?;
    Ok(figures)
}
