//! 10,000 tenants in one batch: the last against the first, and what a poll costs at either size.

use crate::{
    Args,
    figures::{Figures, median},
    stand::Stand,
    system::{Setup, System},
};

/// Tenants in the batch.
const TENANTS: usize = 10_000;

/// Of how many the rate is taken, at either end: a tenth.
const TENTH: usize = 10;

/// Polls of each batch.
const POLLS: usize = 200;

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let setup = Setup {
        database: "flat",
        workers: args.workers,
        lanes: args.connections,
        spares: 0,
        env: vec![],
        counted: false,
    };
    let system = System::start(stand, setup).await?;
    let small = system.make("small", 100).await?;
    let (_, memory_before) = system.peak_memory_mib();
    let large = system.make("large", tenants).await?;
    let ended = system.item_ms(&large.id).await?;
    let tenth = tenants / TENTH;
    let rate = |from: usize| tenth as f64 * 1e3 / (ended[from + tenth - 1] - ended[from]);
    let (first, last) = (rate(0), rate(tenants - tenth));
    let mut figures = Figures::of("flat", format!("a batch of {tenants} tenants"));
    figures.add("all", large.tenants_per_second, "tenants/s");
    figures.add(format!("first {tenth}"), first, "tenants/s");
    figures.add(format!("last {tenth}"), last, "tenants/s");
    figures.add("last by first", last / first, "");
    for (name, batch) in [("100", &small.id), ("all", &large.id)] {
        let mut polls = Vec::with_capacity(POLLS);
        for _ in 0..POLLS {
            polls.push(system.get_ms(&format!("/api/v1/batches/{batch}")).await?);
        }
        figures.add(format!("a poll of a batch of {name}, p50"), median(&polls), "ms");
    }
    let (api, worker) = system.peak_memory_mib();
    figures.add("peak memory of the API", api, "MiB");
    figures.add("peak memory of a worker, after 100", memory_before, "MiB");
    figures.add("peak memory of a worker, after all", worker, "MiB");
    system.stop().await?;
    Ok(figures)
}
