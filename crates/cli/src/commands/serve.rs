//! `tenantry api` and `tenantry worker`: the servers, in this binary.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

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
        let host = self.host.as_deref().unwrap_or(host);
        let port = self.port.unwrap_or(port);
        let listener = TcpListener::bind((host, port)).await.map_err(|e| {
            Failure::new(format!("could not listen on {host}:{port}: {e}"))
                .advise("pass --port 0 for a free port, or stop what listens there")
        })?;
        let address = own_address(&listener)?;
        let stop = CancellationToken::new();
        telemetry::cancel_on_signal(stop.clone()).context("could not listen for signals")?;
        let mut running = std::pin::pin!(run(listener, stop));
        let announced = async {
            match &self.ready_file {
                Some(file) => announce(address, file).await,
                None => Ok(()),
            }
        };
        tokio::select! {
            ended = &mut running => return ended.map(|()| Done::Well).map_err(Into::into),
            said = announced => said?,
        }
        running.await.map(|()| Done::Well).map_err(Into::into)
    }
}

fn start() -> anyhow::Result<Settings> {
    let settings = config_check::load(Profile::Production)?;
    telemetry::init(&settings.log).context("could not start logging")?;
    Ok(settings)
}

/// Where this machine reaches the listener.
fn own_address(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    let mut bound = listener.local_addr().context("could not read the port")?;
    if bound.ip().is_unspecified() {
        bound.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(bound)
}

/// Says that we answer, once we do.
async fn announce(address: SocketAddr, file: &Path) -> anyhow::Result<()> {
    let target = Target { url: format!("http://{address}"), token: None, from_ready_file: false };
    let client = Client::anonymous(target)?;
    while client.get("/readyz").await.is_err() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    telemetry::write_ready_file(file, address)
        .with_context(|| format!("could not write {}", file.display()))
}
