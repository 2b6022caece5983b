//! How long callers wait for progress and results while workers run flat out.

use std::time::Duration;

use crate::{
    Args,
    figures::{Figures, percentile},
    stand::Stand,
    system::{Setup, System, batch},
};

/// Tenants in work meanwhile.
const TENANTS: usize = 3_000;

/// Worker processes, which share the transactions.
const WORKERS: usize = 4;

/// Between two polls.
const EVERY: Duration = Duration::from_millis(20);

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let setup = Setup { workers: WORKERS, ..Setup::of("poll", args) };
    let system = System::start(stand, setup).await?;
    let (id, _) = system.submit(&batch("poll", tenants)).await?;
    let (progress, results) =
        (format!("/api/v1/batches/{id}"), format!("/api/v1/batches/{id}/results?limit=100"));
    let (mut of_progress, mut of_results) = (Vec::new(), Vec::new());
    loop {
        of_results.push(system.get_ms(&results).await?);
        of_progress.push(system.get_ms(&progress).await?);
        if !system.get(&progress).await?["finished_at"].is_null() {
            break;
        }
        tokio::time::sleep(EVERY).await;
    }
    let mut figures = Figures::of(
        "poll",
        format!(
            "{} polls while {WORKERS} workers with {} transactions make {tenants} tenants",
            of_progress.len() + of_results.len(),
            args.connections
        ),
    );
    for (what, times) in [("progress", &of_progress), ("a page of 100 results", &of_results)] {
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            figures.add(format!("{what}, {name}"), percentile(times, share), "ms");
        }
    }
    system.stop().await?;
    Ok(figures)
}
