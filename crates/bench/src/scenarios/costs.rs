//! What goes to the server, counted: for a tenant, and for nothing.

use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::{Run, fleet};
use crate::{figures::Figures, system::Setup};

/// The most that a tenant may cost, everything counted: what the API, the queue and the sweeps do
/// meanwhile too. A little above what it costs today.
const ROUND_TRIPS: f64 = 2.5;
const STATEMENTS: f64 = 21.0;
const COMMITS: f64 = 0.6;
const LOG_KIB: f64 = 78.0;

/// The same for a tenant that is migrated.
const MIGRATION_ROUND_TRIPS: f64 = 2.5;
const MIGRATION_COMMITS: f64 = 0.8;

/// How long the last statements of a batch may still be under way.
const SETTLES_IN: Duration = Duration::from_millis(300);

/// How long an idle system is watched: sweeps and heartbeats come several times.
const WATCH: Duration = Duration::from_secs(30);

/// How long it is left alone before: the first sweep is over then.
const CALM: Duration = Duration::from_secs(10);

/// What a tenant costs, in counts that are the same on every machine: CI holds them.
pub(super) async fn counts(run: &Run<'_>) -> anyhow::Result<Figures> {
    let tenants = run.tenants(400);
    let mut system = run.start(Setup { counted: true, ..run.setup() }).await?;
    // What is prepared once is not counted.
    system.make("warm", 50).await?;
    let counts = system.counts.as_ref().context("nothing was counted")?;
    counts.take();
    let log = system.wal_bytes().await?;
    system.make("counted", tenants).await?;
    sleep(SETTLES_IN).await;
    let passed = counts.take();
    let log = system.wal_bytes().await? - log;
    let mut figures = run.figures(format!("a batch of {tenants} tenants, by tenant"));
    let each = |sum: f64| sum / tenants as f64;
    figures.add("round trips", each(passed.round_trips), "").at_most(ROUND_TRIPS);
    figures.add("statements", each(passed.statements), "").at_most(STATEMENTS);
    figures.add("commits", each(passed.commits), "").at_most(COMMITS);
    figures.add("log of changes", each(log) / 1024.0, "KiB").at_most(LOG_KIB);
    let migrated = fleet::one_version(run, &mut system).await?;
    sleep(SETTLES_IN).await;
    let passed = system.counts.as_ref().context("nothing was counted")?.take();
    let each = |sum: f64| sum / migrated as f64;
    let trips = figures.add("round trips of a migration", each(passed.round_trips), "");
    trips.at_most(MIGRATION_ROUND_TRIPS);
    let commits = figures.add("commits of a migration", each(passed.commits), "");
    commits.at_most(MIGRATION_COMMITS);
    system.stop().await?;
    Ok(figures)
}

pub(super) async fn idle(run: &Run<'_>) -> anyhow::Result<Figures> {
    let system = run.start(Setup { workers: 1, counted: true, ..run.setup() }).await?;
    let counts = system.counts.as_ref().context("nothing was counted")?;
    sleep(CALM).await;
    counts.take();
    let (cpu, own) = (run.stand.server_ms(), system.processes_ms());
    sleep(WATCH).await;
    let passed = counts.take();
    let (cpu, own) = (run.stand.server_ms() - cpu, system.processes_ms() - own);
    let secs = WATCH.as_secs_f64();
    let mut figures = run.figures(format!("one API, one worker, nothing to do for {secs} s"));
    figures.add("statements", passed.statements / secs, "/s");
    figures.add("round trips", passed.round_trips / secs, "/s");
    figures.add("server CPU", cpu / secs / 10.0, "% of a core");
    figures.add("CPU of API and worker", own / secs / 10.0, "% of a core");
    system.stop().await?;
    Ok(figures)
}
