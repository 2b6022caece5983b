//! `tenantry api` and `tenantry worker`: the servers, in this binary.

use std::{future::Future, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use settings::{Profile, Settings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::config_check;
use crate::{
    client::Client,
    connection::Target,
    failure::{Done, Failure},
    stack::{ProcessReady, Signals},
};

/// Between two looks at whether the server answers yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where to serve.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on [default: from the settings]
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on; 0 = a free one [default: from the settings]
    #[arg(long)]
    port: Option<u16>,
    /// Write `{url, pid}` as JSON to this file once it answers
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
        let mut signals = Signals::install()?;
        let host = self.host.as_deref().unwrap_or(host);
        let port = self.port.unwrap_or(port);
        let listener = TcpListener::bind((host, port)).await.map_err(|e| {
            Failure::new(format!("could not listen on {host}:{port}: {e}"))
                .advise("pass --port 0 for a free port, or stop what listens there")
        })?;
        let url = own_url(&listener)?;
        let stop = CancellationToken::new();
        let running = run(listener, stop.clone());
        let beside = async {
            if let Some(file) = &self.ready_file {
                announce(&url, file).await?;
            }
            signals.next().await;
            stop.cancel();
            std::future::pending::<anyhow::Result<()>>().await
        };
        tokio::select! {
            ended = running => ended.map_err(Into::into)?,
            failed = beside => failed?,
        }
        Ok(Done::Well)
    }
}

fn start() -> anyhow::Result<Settings> {
    let settings = config_check::load(Profile::Production)?;
    telemetry::init(&settings.log).context("could not start logging")?;
    Ok(settings)
}

/// Where this machine reaches the listener.
fn own_url(listener: &TcpListener) -> anyhow::Result<String> {
    let mut bound = listener.local_addr().context("could not read the port")?;
    if bound.ip().is_unspecified() {
        bound.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{bound}"))
}

async fn announce(url: &str, file: &std::path::Path) -> anyhow::Result<()> {
    let target = Target { url: url.to_owned(), token: None, from_ready_file: false };
    let client = Client::anonymous(target)?;
    while client.get("/readyz").await.is_err() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    ProcessReady { url: url.to_owned(), pid: std::process::id() }.write(file)
}
