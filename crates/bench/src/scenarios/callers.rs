//! How long callers wait: for one tenant, for a few, for many, and for an answer about them.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::Run;
use crate::{
    figures::{Figures, median, percentile},
    system::{Setup, System, batch},
};

/// Batches posted after the tenants of [`latency`], and tenants in each.
const BATCHES: usize = 9;
const IN_A_BATCH: usize = 20;

/// Polls of each batch of [`flat`].
const POLLS: usize = 200;

/// Between two polls of the batch that runs in [`flat`].
const BETWEEN_POLLS: Duration = Duration::from_millis(50);

/// Worker processes of [`poll`], which share the transactions.
const WORKERS: usize = 4;

pub(super) async fn latency(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(100);
    let system = run.start(run.setup()).await?;
    let answered: Vec<f64> =
        stream::iter(0..tenants).then(|n| system.one_tenant_ms(n)).try_collect().await?;
    let small = stream::iter(0..BATCHES).then(|n| system.small_batch_ms(n, IN_A_BATCH));
    let batches: Vec<f64> = small.try_collect().await?;
    let claimed: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from started_at - created_at)::float8 * 1000
         from tenantry.operation_items",
    )
    .fetch_all(&system.pool)
    .await?;
    let mut figures = run.figures(format!("{tenants} tenants, one after the other, Prefer: wait"));
    figures.add_percentiles("POST to active", &answered);
    let name = format!("POST of {IN_A_BATCH} tenants to active, p50");
    figures.add(name, median(&batches), "ms");
    figures.add("queued to claimed, p50", median(&claimed), "ms");
    system.stop().await?;
    Ok(figures)
}

/// Many tenants in one batch: the last against the first, and what a poll costs at either size.
pub(super) async fn flat(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(10_000);
    let system = run.start(run.setup()).await?;
    let small = system.make("small", 100).await?;
    let (_, memory_before) = system.peak_memory_mib();
    let (polled, large) =
        tokio::join!(polls_while_open(&system, tenants), system.make("large", tenants));
    let (polled, large) = (polled?, large?);
    let ended = system.item_ms(&large.id).await?;
    let tenth = tenants / 10;
    let rate = |from: usize| tenth as f64 * 1e3 / (ended[from + tenth - 1] - ended[from]);
    let (first, last) = (rate(0), rate(tenants - tenth));
    let mut figures = run.figures(format!("a batch of {tenants} tenants"));
    figures.add("all", large.tenants_per_second, "tenants/s");
    figures.add(format!("first {tenth}"), first, "tenants/s");
    figures.add(format!("last {tenth}"), last, "tenants/s");
    figures.add("last by first", last / first, "");
    for (name, batch) in [("100", &small.id), ("all", &large.id)] {
        let path = format!("/api/v1/batches/{batch}");
        let polls = stream::iter(0..POLLS).then(|_| system.get_ms(&path));
        let polls: Vec<f64> = polls.try_collect().await?;
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
        sleep(BETWEEN_POLLS).await;
        if let Some(open) = system.newest_batch(tenants).await? {
            break open;
        }
    };
    let path = format!("/api/v1/batches/{open}");
    let mut polls = Vec::with_capacity(POLLS);
    while polls.len() < POLLS {
        polls.push(system.get_ms(&path).await?);
        sleep(BETWEEN_POLLS).await;
    }
    Ok(polls)
}

/// How long it takes until a large batch is accepted. No worker runs.
pub(super) async fn submit(run: &Run<'_>) -> anyhow::Result<Figures> {
    let system = run.start(Setup { workers: 0, ..run.setup() }).await?;
    let mut figures = run.figures("NDJSON, accepted, no workers");
    for size in [10_000, 50_000] {
        let (_, accepted_ms) = system.submit(&batch(&size.to_string(), size)).await?;
        figures.add(format!("{size} tenants"), accepted_ms / 1e3, "s");
        let (api, _) = system.peak_memory_mib();
        figures.add(format!("peak memory of the API, after {size}"), api, "MiB");
    }
    system.stop().await?;
    Ok(figures)
}

pub(super) async fn poll(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(3_000);
    let system = run.start(Setup { workers: WORKERS, ..run.setup() }).await?;
    let (id, _) = system.submit(&batch("poll", tenants)).await?;
    let progress = format!("/api/v1/batches/{id}");
    let results = format!("{progress}/results?limit=100");
    let (mut of_progress, mut of_results) = (Vec::new(), Vec::new());
    loop {
        of_results.push(system.get_ms(&results).await?);
        of_progress.push(system.get_ms(&progress).await?);
        if !system.get(&progress).await?["finished_at"].is_null() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let mut figures = run.figures(format!(
        "{} polls while {WORKERS} workers with {} transactions make {tenants} tenants",
        of_progress.len() + of_results.len(),
        run.args.connections
    ));
    for (what, times) in [("progress", &of_progress), ("a page of 100 results", &of_results)] {
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            figures.add(format!("{what}, {name}"), percentile(times, share), "ms");
        }
    }
    system.stop().await?;
    Ok(figures)
}
