//! `cargo run --release -p bench`: the whole system, from POST to active, against the floor.
//!
//! The floor is what PostgreSQL does with no system around it: role, schema, tenant migrations and
//! grants in one message and one transaction, over as many connections. Both are measured in turn
//! in one run on one cluster with `fsync` on, so that drift of the machine falls on both alike. API
//! and workers are real processes: this binary starts itself. Each scenario has a system of its own.

mod counting;
mod cpu;
mod figures;
mod floor;
mod pair;
mod processes;
mod scenarios;
mod stand;
mod system;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, ValueEnum};

use crate::{scenarios::Scenario, stand::Stand};

#[derive(Debug, Parser)]
#[command(name = "bench", version, about)]
struct Args {
    /// What to measure
    #[arg(value_enum, default_value = "cold")]
    scenarios: Vec<Scenario>,
    /// Tenants in each round of a scenario that has rounds [default: the scenario's own]
    #[arg(long)]
    tenants: Option<usize>,
    /// Rounds; each measures the floor and the system. What runs in the background of a server and
    /// of a machine comes every 15 to 30 seconds: fewer rounds tell little
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Connections of the floor, and transactions that the workers have in work at once
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Worker processes that share them
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Let the system's user be its database's owner without superuser rights, as on a managed
    /// server; the floor's stays a superuser
    #[arg(long)]
    owner: bool,
    /// Leave the server PostgreSQL's own defaults (`jit = on` among them), as elsewhere
    #[arg(long)]
    untouched: bool,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when the system reaches less than this share of the floor
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Be a process of the system (started by the bench)
    #[arg(long, hide = true, requires = "ready_file")]
    be: Option<Role>,
    #[arg(long, hide = true)]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Api,
    Worker,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new().context("could not start the runtime");
    let done = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match (args.be, &args.ready_file) {
                (Some(Role::Api), Some(file)) => processes::be(api::run, file).await,
                (Some(Role::Worker), Some(file)) => processes::be(worker::run, file).await,
                _ => measure(&args).await,
            }
        })
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; false when a figure is beyond its limit.
async fn measure(args: &Args) -> anyhow::Result<bool> {
    system::install_crypto()?;
    let stand = Stand::start(args.owner, !args.untouched).await?;
    let mut all = serde_json::Map::new();
    let mut hold = true;
    for scenario in scenarios::chosen(&args.scenarios) {
        let figures = scenario.run(&stand, args).await?;
        figures.print();
        hold &= figures.hold();
        all.extend([figures.to_json()]);
    }
    stand.stop().await?;
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&all)?)?;
    }
    Ok(hold)
}
