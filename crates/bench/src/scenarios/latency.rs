//! One tenant at a time, and nothing else to do.

use crate::{
    Args,
    figures::{Figures, median, percentile},
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
    let setup = Setup {
        database: "latency",
        workers: args.workers,
        lanes: args.connections,
        spares: 0,
        env: vec![],
        counted: false,
    };
    let system = System::start(stand, setup).await?;
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
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        figures.add(format!("POST to active, {name}"), percentile(&answered, share), "ms");
    }
    let name = format!("POST of {IN_A_BATCH} tenants to active, p50");
    figures.add(name, median(&batches), "ms");
    figures.add("queued to claimed, p50", median(&claimed), "ms");
    system.stop().await?;
    Ok(figures)
}
