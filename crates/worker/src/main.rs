//! The `tenantry-worker` process: settings from the environment, work until SIGTERM.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use settings::{Profile, Settings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Provisions tenants from the queue. Start as many as you like, on any machine; they share only
/// `DATABASE_URL` and `TENANTRY_MASTER_KEY`.
#[derive(Debug, Parser)]
#[command(name = "tenantry-worker", version)]
struct Args {
    /// Address of /healthz, /readyz and /metrics [default: worker.host]
    #[arg(long)]
    host: Option<String>,
    /// Port of /healthz, /readyz and /metrics; 0 takes a free one [default: worker.port]
    #[arg(long)]
    port: Option<u16>,
    /// Write {"url", "pid"} to this file (mode 0600) once the worker answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenantry-worker: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let settings = Settings::load(Profile::Production)?;
    telemetry::init(&settings.log)?;
    let host = args.host.unwrap_or_else(|| settings.worker.host.clone());
    let port = args.port.unwrap_or(settings.worker.port);
    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .with_context(|| format!("could not listen on {host}:{port}"))?;
    let address = listener.local_addr().context("could not read the listener's address")?;
    let stop = CancellationToken::new();
    telemetry::cancel_on_signal(stop.clone()).context("could not handle signals")?;
    let working = worker::run(settings, listener, stop.clone());
    let ready_file = args.ready_file.as_deref();
    let (worked, announced) = telemetry::announced(working, ready_file, address, &stop).await;
    worked?;
    announced.context("could not write the ready file")
}
