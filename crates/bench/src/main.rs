//! `cargo run --release -p bench`: the whole system, from POST to active, against the floor.
//!
//! The floor is what PostgreSQL does with no system around it: role, schema, this repository's
//! tenant migrations and grants in one message and one transaction, over as many connections.
//! Both are measured in turn in one run on one cluster with `fsync` on, so that drift of the
//! machine falls on both alike. API and worker are real processes: this binary starts itself.

mod cpu;
mod floor;
mod idle;
mod processes;
mod report;
mod system;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use localpg::{Cluster, Options};

use crate::{floor::Floor, report::Report, system::System};

#[derive(Debug, Parser)]
#[command(name = "bench", version, about)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// Tenants made in each round by each side
    #[arg(long, default_value_t = 500)]
    tenants: usize,
    /// Rounds; each measures the floor and then the system
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections of the floor, and items the workers have in work at once
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Worker processes that share the connections
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Print the figures as JSON too
    #[arg(long)]
    json: bool,
    /// Fail when the system reaches less than this share of the floor
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
}

#[derive(Debug, Clone, Subcommand)]
#[command(hide = true)]
enum Role {
    /// Be the API process (started by the bench)
    Api {
        #[arg(long)]
        ready_file: std::path::PathBuf,
    },
    /// Be a worker process (started by the bench)
    Worker {
        #[arg(long)]
        ready_file: std::path::PathBuf,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bench: could not start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match &args.role {
            Some(Role::Api { ready_file }) => processes::be_api(ready_file).await.map(|()| true),
            Some(Role::Worker { ready_file }) => {
                processes::be_worker(ready_file).await.map(|()| true)
            }
            None => measure(&args).await,
        }
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

/// Measures and prints; false when the system is slower than asked for.
async fn measure(args: &Args) -> anyhow::Result<bool> {
    let folder = tempfile::Builder::new().prefix("tenantry-bench.").tempdir()?;
    let cluster = {
        let options = Options::new(folder.path().join("cluster"));
        tokio::task::spawn_blocking(|| Cluster::start(options))
            .await?
            .context("could not start PostgreSQL")?
    };
    let floor = Floor::prepare(&cluster, args.connections).await?;
    let system = System::start(&cluster, folder.path(), args.workers, args.connections).await?;
    let mut report = Report::new(args.tenants, args.connections, args.workers);
    let server_ms = || cpu::server_ms(cluster.pid()).unwrap_or(f64::NAN);
    for round in 0..args.rounds {
        let (server, processes) = (server_ms(), system.processes_ms());
        report.floor.push(floor.make(round, args.tenants).await?);
        let between = server_ms();
        report.system.push(system.make(round, args.tenants).await?);
        report.cpu.add(between - server, server_ms() - between, system.processes_ms() - processes);
        report.print_round(round);
    }
    report.steps = system.step_means_ms().await?;
    report.idle = Some(idle::measure(&system).await?);
    report.print();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    let fast_enough = args.at_least.is_none_or(|least| report.ratio() >= least);
    system.stop()?;
    floor.close().await;
    tokio::task::spawn_blocking(move || cluster.stop()).await??;
    Ok(fast_enough)
}
