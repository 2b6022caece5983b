//! `tenantry-api`: the HTTP API as a process of its own.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Parser;
use settings::{Profile, Settings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves Tenantry's HTTP API. Everything else is configured by the environment; see
/// config/default.toml.
#[derive(Debug, Parser)]
#[command(name = "tenantry-api", version)]
struct Args {
    /// TCP port to listen on; 0 = any free one.
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on.
    #[arg(long)]
    host: Option<String>,
    /// Write `{"url", "pid"}` to this file once the API answers.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenantry-api: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let settings = Settings::load(Profile::Production)?;
    telemetry::init(&settings.log)?;
    let host = args.host.unwrap_or_else(|| settings.api.host.clone());
    let port = args.port.unwrap_or(settings.api.port);
    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .with_context(|| format!("could not listen on {host}:{port}"))?;
    let address = listener.local_addr().context("could not read the listener's address")?;
    let stop = CancellationToken::new();
    telemetry::cancel_on_signal(stop.clone()).context("could not handle signals")?;
    let serving = api::run(settings, listener, stop.clone());
    let ready_file = args.ready_file.as_deref();
    let (served, announced) = telemetry::announced(serving, ready_file, address, &stop).await;
    served?;
    announced.context("could not write the ready file")
}
