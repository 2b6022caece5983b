//! What every scenario stands on: a cluster of its own, with `fsync` on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use localpg::{Cluster, Options};
use tempfile::TempDir;

use crate::cpu;

/// A running cluster, and a folder for what processes write.
pub(crate) struct Stand {
    // Stopped before the folder goes in which its data are.
    cluster: Cluster,
    folder: TempDir,
}

impl Stand {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenantry-bench.").tempdir()?;
        let options = Options::new(folder.path().join("cluster"));
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(options))
            .await?
            .context("could not start PostgreSQL")?;
        Ok(Self { cluster, folder })
    }

    /// Makes `database` and says how to reach it.
    pub(crate) fn database(&self, database: &str) -> anyhow::Result<String> {
        self.cluster.ensure_database(database)?;
        Ok(self.cluster.url(database))
    }

    /// The server's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        let port = self.cluster.server().port();
        self.cluster.socket_dir().join(format!(".s.PGSQL.{port}"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Processor time of the server so far, in milliseconds; not a number where nobody tells.
    pub(crate) fn server_ms(&self) -> f64 {
        cpu::server_ms(self.cluster.pid()).unwrap_or(f64::NAN)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self { cluster, folder } = self;
        tokio::task::spawn_blocking(move || cluster.stop()).await??;
        folder.close()?;
        Ok(())
    }
}
