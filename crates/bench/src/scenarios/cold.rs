//! Batches of tenants made from nothing, in turn with the floor.

use crate::{
    Args,
    figures::{Figures, percentile},
    floor::{Floor, Shape},
    pair::Pair,
    stand::Stand,
    system::{Setup, System},
};

/// Tenants a round.
const TENANTS: usize = 1_000;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let shape = Shape::of_this_repository();
    let floor = Floor::prepare(stand, "cold_floor", args.connections, &shape).await?;
    let setup = Setup {
        database: "cold",
        workers: args.workers,
        lanes: args.connections,
        spares: 0,
        env: vec![],
        counted: false,
    };
    let system = System::start(stand, setup).await?;
    let pair = Pair::run(stand, (&floor, &system), args.rounds, tenants).await?;
    let mut figures = Figures::of(
        "cold",
        format!(
            "{} rounds of {tenants} tenants, {} connections, {} worker processes",
            args.rounds, args.connections, args.workers
        ),
    );
    pair.tell(&mut figures);
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        let name = format!("from queued to active, {name}");
        figures.add(name, percentile(&pair.item_ms, share), "ms");
    }
    for (step, mean_ms) in system.step_means_ms().await? {
        figures.add(format!("step {step}, mean"), mean_ms, "ms");
    }
    let (api, worker) = system.peak_memory_mib();
    figures.add("peak memory of the API", api, "MiB");
    figures.add("peak memory of a worker", worker, "MiB");
    if let Some(least) = args.at_least {
        figures.ask_at_least("ratio", least);
    }
    system.stop().await?;
    floor.close().await;
    Ok(figures)
}
