//! The servers as programs of their own: `tenantry-api` and `tenantry-worker`.
//!
//! They live in this crate so that `cargo install` of it brings all three programs.

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser};

use crate::{
    args::VERSION,
    commands::{config_check, serve::Serve},
};

/// Serves Tenantry's HTTP API. Everything else is configured by files and the environment; see
/// config/default.toml.
#[derive(Debug, Parser)]
#[command(name = "tenantry-api", version = VERSION)]
struct Api {
    #[command(flatten)]
    server: Server,
}

/// Provisions tenants from the queue. Start as many as you like, on any machine; they share only
/// DATABASE_URL and TENANTRY_MASTER_KEY. Port and address are those of /healthz, /readyz and
/// /metrics.
#[derive(Debug, Parser)]
#[command(name = "tenantry-worker", version = VERSION)]
struct Worker {
    #[command(flatten)]
    server: Server,
}

/// What both take.
#[derive(Debug, clap::Args)]
struct Server {
    #[command(flatten)]
    serve: Serve,
    /// TOML file of settings that override the others [default: TENANTRY_CONFIG_FILE]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Server {
    fn with_its_settings(self) -> Serve {
        config_check::use_file(self.config);
        self.serve
    }
}

/// What can be typed for each.
pub(crate) fn programs() -> [clap::Command; 2] {
    [Api::command(), Worker::command()]
}

/// The program `tenantry-api`: runs until a signal.
#[must_use]
pub fn tenantry_api() -> ExitCode {
    let serve = Api::parse().server.with_its_settings();
    run("tenantry-api", serve.api())
}

/// The program `tenantry-worker`: runs until a signal.
#[must_use]
pub fn tenantry_worker() -> ExitCode {
    let serve = Worker::parse().server.with_its_settings();
    run("tenantry-worker", serve.worker())
}

fn run<T>(program: &str, serving: impl Future<Output = anyhow::Result<T>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(serving));
    match served {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
