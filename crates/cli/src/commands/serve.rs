//! `tenantry api` and `tenantry worker`: the servers, in this binary.

use std::{future::Future, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use settings::Settings;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::config_check;
use crate::failure::{Done, Failure};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on [default: from the settings]
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on; 0 = a free one [default: from the settings]
    #[arg(long)]
    port: Option<u16>,
    /// Write `{"url", "pid"}` to this file once the server answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Serve {
    /// Serves the API until a signal.
    pub(crate) async fn api(self) -> anyhow::Result<Done> {
        let settings = start()?;
        let (host, port) = (settings.api.host.clone(), settings.api.port);
        self.serve(&host, port, |listener, stop| api::run(settings, listener, stop)).await
    }

    /// Provisions until a signal, then drains.
    pub(crate) async fn worker(self) -> anyhow::Result<Done> {
        let settings = start()?;
        let (host, port) = (settings.worker.host.clone(), settings.worker.port);
        self.serve(&host, port, |listener, stop| worker::run(settings, listener, stop)).await
    }

    async fn serve<F, R, E>(&self, host: &str, port: u16, run: F) -> anyhow::Result<Done>
    where
        F: FnOnce(TcpListener, CancellationToken) -> R,
        R: Future<Output = Result<(), E>>,
        E: Into<anyhow::Error>,
    {
        let host = self.host.as_deref().unwrap_or(host);
        let port = self.port.unwrap_or(port);
        let listener = TcpListener::bind((host, port)).await.map_err(|e| {
            Failure::new(format!("could not listen on {host}:{port}: {e}"))
                .advise("pass --port 0 for a free port, or stop what listens there")
        })?;
        let address = listener.local_addr().context("could not read the port")?;
        let stop = CancellationToken::new();
        telemetry::cancel_on_signal(stop.clone()).context("could not listen for signals")?;
        let running = run(listener, stop.clone());
        let ready_file = self.ready_file.as_deref();
        let (ended, announced) = telemetry::announced(running, ready_file, address, &stop).await;
        ended.map_err(Into::into)?;
        announced.context("could not write the ready file")?;
        Ok(Done::Well)
    }
}

fn start() -> anyhow::Result<Settings> {
    let settings = config_check::load()?;
    telemetry::init(&settings.log).context("could not start logging")?;
    Ok(settings)
}
