//! 10,000 tenants in one batch: the last against the first, and what a poll costs at either size.

use std::time::Duration;

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

/// Between two polls of the batch that runs.
const POLL_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let system = System::start(stand, Setup::of("flat", args)).await?;
    let small = system.make("small", 100).await?;
    let (_, memory_before) = system.peak_memory_mib();
    let (polled, large) =
        tokio::join!(polls_while_open(&system, tenants), system.make("large", tenants));
    let (polled, large) = (polled?, large?);
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
    figures.add("a poll of all while it runs, p50", median(&polled), "ms");
    let (api, worker) = system.peak_memory_mib();
    figures.add("peak memory of the API", api, "MiB");
    figures.add("peak memory of a worker, after 100", memory_before, "MiB");
    figures.add("peak memory of a worker, after all", worker, "MiB");
    system.stop().await?;
    Ok(figures)
}

/// How long a poll of the batch of `tenants` takes from its submission on, in milliseconds, one every
/// 50 ms: while workers are on it, if it is large.
async fn polls_while_open(system: &System, tenants: usize) -> anyhow::Result<Vec<f64>> {
    let open = loop {
        tokio::time::sleep(POLL_EVERY).await;
        if let Some(open) = system.newest_batch(tenants).await? {
            break open;
        }
    };
    let path = format!("/api/v1/batches/{open}");
    let mut polls = Vec::with_capacity(POLLS);
    while polls.len() < POLLS {
        polls.push(system.get_ms(&path).await?);
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(polls)
}
