//! A system with nothing to do.

use std::time::Duration;

use anyhow::Context;

use crate::{
    Args,
    figures::Figures,
    stand::Stand,
    system::{Setup, System},
};

/// How long it is watched: sweeps and heartbeats come several times.
const WATCH: Duration = Duration::from_secs(30);

/// How long it is left alone before: the first sweep is over then.
const CALM: Duration = Duration::from_secs(10);

pub(crate) async fn measure(stand: &Stand, args: &Args) -> anyhow::Result<Figures> {
    let setup = Setup { workers: 1, counted: true, ..Setup::of("idle", args) };
    let system = System::start(stand, setup).await?;
    let counts = system.counts.clone().context("nothing was counted")?;
    tokio::time::sleep(CALM).await;
    let (before, cpu, own) = (counts.now(), stand.server_ms(), system.processes_ms());
    tokio::time::sleep(WATCH).await;
    let passed = counts.now() - before;
    let (cpu, own) = (stand.server_ms() - cpu, system.processes_ms() - own);
    let secs = WATCH.as_secs_f64();
    let mut figures =
        Figures::of("idle", format!("one API, one worker, nothing to do for {secs} s"));
    figures.add("statements", passed.statements / secs, "/s");
    figures.add("round trips", passed.round_trips / secs, "/s");
    figures.add("server CPU", cpu / secs / 10.0, "% of a core");
    figures.add("CPU of API and worker", own / secs / 10.0, "% of a core");
    system.stop().await?;
    Ok(figures)
}
