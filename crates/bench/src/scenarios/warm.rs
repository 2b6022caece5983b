//! Bursts of tenants that were built in advance, in turn with the floor; and one at a time.

use crate::{
    Args,
    figures::{Figures, percentile},
    floor::{Floor, Shape},
    pair::Pair,
    stand::Stand,
    system::{Setup, System},
};

/// Tenants a burst, and spares.
const TENANTS: usize = 500;

/// Tenants posted one after the other, at the end.
const POSTED: usize = 100;

/// How fast the pool is filled again between the bursts, in spares a second.
const REFILL: usize = 200;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "warm_floor", args.connections, &shape).await?;
    let setup = Setup {
        database: "warm",
        workers: args.workers,
        lanes: args.connections,
        spares: tenants,
        env: vec![("TENANTRY__POOL__REFILL_PER_SECOND", REFILL.to_string())],
        counted: false,
    };
    let system = System::start(stand, setup).await?;
    let pair = Pair::run(stand, (&floor, &system), args.rounds, tenants).await?;
    system.pool_is_full(tenants).await?;
    let mut answered = Vec::with_capacity(POSTED);
    for n in 0..POSTED {
        answered.push(system.one_tenant_ms(n).await?);
    }
    let what = format!("{} bursts of {tenants} tenants with {tenants} spares", args.rounds);
    let mut figures = Figures::of("warm", what);
    pair.tell(&mut figures);
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        let name = format!("from queued to active, {name}");
        figures.add(name, percentile(&pair.item_ms, share), "ms");
    }
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        let name = format!("POST of one to active, {name}");
        figures.add(name, percentile(&answered, share), "ms");
    }
    for (step, mean_ms) in system.step_means_ms().await? {
        figures.add(format!("step {step}, mean"), mean_ms, "ms");
    }
    let taken: i64 = sqlx::query_scalar(
        "select count(*) from tenantry.checkpoints where steps @> '[{\"name\": \"take_spare\"}]'",
    )
    .fetch_one(&system.pool)
    .await?;
    figures.add("tenants that got a spare", taken as f64, "");
    if let Some(least) = args.at_least {
        figures.ask_at_least("ratio", least);
    }
    system.stop().await?;
    floor.close().await;
    Ok(figures)
}
