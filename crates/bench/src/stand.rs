//! What every scenario stands on: a cluster of its own, with `fsync` on.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use localpg::{Cluster, Options};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
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

/// `VACUUM` of each table outside of the tenants' schemas that was changed since its last `ANALYZE`.
const CHANGED: &str =
    "select format('vacuum (analyze) %I.%I', schemaname, relname) from pg_stat_all_tables
    where n_mod_since_analyze > 0 and schemaname in ('pg_catalog', 'public', 'tenantry', 'apalis')";

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
        let mut superuser = self.superuser(database).await?;
        sqlx::raw_sql(HAND_OVER).execute(&mut superuser).await?;
        superuser.close().await?;
        Ok(PgConnectOptions::from_str(&url)?.username(OWNER).to_url_lossy().into())
    }

    /// Stops autovacuum. What it does for one database would count against the measurement of another.
    /// [`Self::vacuum`] does its work instead.
    pub(crate) async fn stop_autovacuum(&self) -> anyhow::Result<()> {
        let mut superuser = self.superuser("postgres").await?;
        sqlx::raw_sql("alter system set autovacuum = off").execute(&mut superuser).await?;
        sqlx::raw_sql("select pg_reload_conf()").execute(&mut superuser).await?;
        Ok(superuser.close().await?)
    }

    /// Vacuums and analyzes what was changed in these databases.
    pub(crate) async fn vacuum(&self, databases: &[&str]) -> anyhow::Result<()> {
        for database in databases {
            let mut superuser = self.superuser(database).await?;
            let changed: Vec<String> =
                sqlx::query_scalar(CHANGED).fetch_all(&mut superuser).await?;
            for vacuum in changed {
                sqlx::raw_sql(AssertSqlSafe(vacuum)).execute(&mut superuser).await?;
            }
            superuser.close().await?;
        }
        Ok(())
    }

    async fn superuser(&self, database: &str) -> anyhow::Result<PgConnection> {
        let options = PgConnectOptions::from_str(&self.cluster.url(database))?;
        Ok(PgConnection::connect_with(&options).await?)
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
