//! PostgreSQL: somebody's, or our own in the data directory.

use anyhow::Context as _;
use localpg::{Cluster, Options};
use secrecy::ExposeSecret as _;
use settings::Settings;

use super::DataDir;

/// Name of the database in a cluster of ours.
const DATABASE: &str = "tenantry";

/// A server that answers.
#[derive(Debug)]
pub(super) struct Postgres {
    url: String,
    /// `None`: it is not ours to stop.
    cluster: Option<Cluster>,
}

impl Postgres {
    /// The server of `DATABASE_URL` if that is set, else a private one.
    pub(super) async fn find_or_start(
        settings: &Settings,
        data_dir: &DataDir,
        fetch: bool,
    ) -> anyhow::Result<Self> {
        if let Some(url) = &settings.database.url {
            return Ok(Self { url: url.expose_secret().to_owned(), cluster: None });
        }
        let dir = data_dir.postgres_dir();
        let started = tokio::task::spawn_blocking(move || {
            let cluster = Cluster::start(Options { fetch, ..Options::new(dir) })?;
            cluster.ensure_database(DATABASE)?;
            Ok::<_, localpg::Error>(cluster)
        });
        let cluster = started
            .await
            .context("the start of PostgreSQL was cut short")?
            .context("could not start PostgreSQL")?;
        Ok(Self { url: cluster.url(DATABASE), cluster: Some(cluster) })
    }

    /// Where it answers.
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

    /// Stops it, if it is ours.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(cluster) = self.cluster.take() else { return Ok(()) };
        tokio::task::spawn_blocking(move || cluster.stop())
            .await
            .context("the stop of PostgreSQL was cut short")?
            .context("could not stop PostgreSQL")
    }
}
