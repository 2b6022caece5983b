//! PostgreSQL: somebody's, or our own in the data directory.

use std::{os::unix::net::UnixStream, time::Duration};

use anyhow::Context as _;
use localpg::{Cluster, Options};
use secrecy::ExposeSecret as _;
use settings::Settings;

use super::DataDir;
use crate::show;

const DATABASE: &str = "tenantry";

const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Postgres {
    url: String,
    /// How to start it; `None`: it is not ours.
    options: Option<Options>,
    cluster: Option<Cluster>,
}

impl Postgres {
    /// The server of `DATABASE_URL` if that is set, else a private one.
    pub(super) async fn find_or_start(
        settings: &Settings,
        data_dir: &DataDir,
        fetch: bool,
    ) -> anyhow::Result<Self> {
        if let Some(url) = settings.database.read_url()? {
            let url = url.expose_secret().to_owned();
            return Ok(Self { url, options: None, cluster: None });
        }
        let options = Options { fetch, ..Options::new(data_dir.path().join("pg")) };
        let cluster = start(options.clone()).await?;
        let url = cluster.url(DATABASE);
        Ok(Self { url, options: Some(options), cluster: Some(cluster) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What to tell people of it; no secret.
    pub(super) fn describe(&self) -> String {
        match &self.cluster {
            Some(cluster) => format!("PostgreSQL on {}", cluster.socket_dir().display()),
            None => "PostgreSQL of DATABASE_URL".to_owned(),
        }
    }

    /// Starts our cluster again whenever it has ended. Never ends by itself.
    pub(super) async fn watch(&mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(options) = self.options.clone() else { continue };
            if self.cluster.as_ref().is_some_and(|it| UnixStream::connect(it.socket()).is_ok()) {
                continue;
            }
            show::note("PostgreSQL ended; it starts again");
            if let Err(e) = self.stop().await {
                show::note(format!("{e:#}"));
            }
            match start(options).await {
                Ok(cluster) => self.cluster = Some(cluster),
                Err(e) => show::note(format!("{e:#}")),
            }
        }
    }

    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(cluster) = self.cluster.take() else { return Ok(()) };
        tokio::task::spawn_blocking(move || cluster.stop())
            .await
            .context("the stop of PostgreSQL was cut short")?
            .context("could not stop PostgreSQL")
    }
}

async fn start(options: Options) -> anyhow::Result<Cluster> {
    let started = tokio::task::spawn_blocking(move || {
        let cluster = Cluster::start(options)?;
        cluster.ensure_database(DATABASE)?;
        Ok::<_, localpg::Error>(cluster)
    });
    started
        .await
        .context("the start of PostgreSQL was cut short")?
        .context("could not start PostgreSQL")
}
