//! What a tenant costs, in counts that are the same on every machine: CI holds them.

use std::time::Duration;

use anyhow::Context;

use crate::{
    Args,
    figures::Figures,
    stand::Stand,
    system::{Setup, System},
};

/// Tenants in the batch.
const TENANTS: usize = 400;

/// The most that a tenant may cost, everything counted: what the API, the queue and the sweeps do
/// meanwhile too. A little above what it costs today.
const ROUND_TRIPS: f64 = 2.5;
const STATEMENTS: f64 = 21.0;
const COMMITS: f64 = 0.6;
const LOG_KIB: f64 = 78.0;

/// How long the last statements of a batch may still be under way.
const SETTLES_IN: Duration = Duration::from_millis(300);

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let tenants = args.tenants.unwrap_or(TENANTS);
    let setup = Setup { counted: true, ..Setup::of("counts", args) };
    let system = System::start(stand, setup).await?;
    // What is prepared once is not counted.
    system.make("warm", 50).await?;
    let counts = system.counts.clone().context("nothing was counted")?;
    let (before, log) = (counts.now(), system.wal_bytes().await?);
    system.make("counted", tenants).await?;
    tokio::time::sleep(SETTLES_IN).await;
    let passed = counts.now() - before;
    let log = system.wal_bytes().await? - log;
    let mut figures = Figures::of("counts", format!("a batch of {tenants} tenants, by tenant"));
    let each = |sum: f64| sum / tenants as f64;
    figures.add_at_most("round trips", each(passed.round_trips), "", ROUND_TRIPS);
    figures.add_at_most("statements", each(passed.statements), "", STATEMENTS);
    figures.add_at_most("commits", each(passed.commits), "", COMMITS);
    figures.add_at_most("log of changes", each(log) / 1024.0, "KiB", LOG_KIB);
    system.stop().await?;
    Ok(figures)
}
