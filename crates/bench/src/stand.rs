//! What every scenario stands on: a cluster of its own, with `fsync` on.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use localpg::{Cluster, Options};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;

use crate::cpu;

/// A running cluster, and a folder for what processes write.
pub(crate) struct Stand {
    // Stopped before the folder goes in which its data are.
    cluster: Cluster,
    folder: TempDir,
    /// Whether systems get databases of [`OWNER`].
    owned: bool,
}

/// A role that is no superuser.
const OWNER: &str = "bench_owner";

/// Gives the database to [`OWNER`].
const HAND_OVER: &str = "do $$ begin
    if to_regrole('bench_owner') is null then create role bench_owner login createrole; end if;
    execute format('alter database %I owner to bench_owner', current_database());
end $$";

impl Stand {
    pub(crate) async fn start(owned: bool, tuned: bool) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tenantry-bench.").tempdir()?;
        let options = Options { tuned, ..Options::new(folder.path().join("cluster")) };
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(options))
            .await?
            .context("could not start PostgreSQL")?;
        Ok(Self { cluster, folder, owned })
    }

    /// Makes `database` and says how to reach it.
    pub(crate) fn database(&self, database: &str) -> anyhow::Result<String> {
        self.cluster.ensure_database(database)?;
        Ok(self.cluster.url(database))
    }

    /// Makes `database` for a system and says how it is to reach it.
    pub(crate) async fn system_database(&self, database: &str) -> anyhow::Result<String> {
        let url = self.database(database)?;
        if !self.owned {
            return Ok(url);
        }
        let options = PgConnectOptions::from_str(&url)?;
        let mut superuser = PgConnection::connect_with(&options).await?;
        sqlx::raw_sql(HAND_OVER).execute(&mut superuser).await?;
        superuser.close().await?;
        Ok(options.username(OWNER).to_url_lossy().into())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.cluster.socket()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Processor time of the server so far, in milliseconds; not a number where nobody tells.
    pub(crate) fn server_ms(&self) -> f64 {
        cpu::server_ms(self.cluster.pid()).unwrap_or(f64::NAN)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self { cluster, folder, .. } = self;
        tokio::task::spawn_blocking(move || cluster.stop()).await??;
        folder.close()?;
        Ok(())
    }
}
