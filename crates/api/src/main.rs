//! `tenantry-api`: the HTTP API as a process of its own.

mod ready_file;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Parser;
use settings::{Profile, Settings};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

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
    stop_on_signal(stop.clone())?;
    let serving = api::run(settings, listener, stop.clone());
    let Some(path) = args.ready_file else { return serving.await };
    let announcing = async {
        let announced = ready_file::announce(&path, address).await;
        if announced.is_err() {
            stop.cancel();
        }
        announced.with_context(|| format!("could not write {}", path.display()))
    };
    let serving = async {
        let served = serving.await;
        stop.cancel();
        served
    };
    let (served, announced) = tokio::join!(serving, stop.run_until_cancelled(announcing));
    served.and(announced.unwrap_or(Ok(())))
}

/// Cancels `stop` on SIGTERM and on SIGINT.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("could not handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not handle SIGINT")?;
    tokio::spawn(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("{signal}: ending requests in flight, then stopping");
        stop.cancel();
    });
    Ok(())
}
