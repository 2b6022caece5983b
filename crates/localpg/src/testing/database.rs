//! A database for one test: a copy of a template, in 20 ms.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Error, OnPath};
use crate::testing::{SharedCluster, shared_cluster};

/// A database that nobody else uses. Dropping it drops the database, whoever is
/// still connected.
#[derive(Debug)]
pub struct Database {
    cluster: &'static SharedCluster,
    name: String,
}

/// A fresh copy of the template that `build` makes. `build` is given a URL, and
/// leaves no connection behind; it runs once for each `template_key` and life of
/// the cluster, in whichever process comes first. Blocks.
///
/// # Errors
/// [`Error::Template`] if `build` fails, and what [`shared_cluster`] fails with.
pub fn database<E>(
    template_key: &str,
    build: impl FnOnce(&str) -> Result<(), E>,
) -> Result<Database, Error>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let cluster = shared_cluster()?;
    let build = |url: &str| build(url).map_err(|error| Error::Template(error.into()));
    let template = format!("template_{}", &hex::encode(Sha256::digest(template_key))[..16]);
    ensure_template(cluster, &template, build)?;
    // A file copy takes two checkpoints: nothing without fsync.
    Database::create(cluster, &format!("template {template} strategy file_copy"))
}

/// A database with nothing in it. Blocks.
///
/// # Errors
/// What [`shared_cluster`] fails with.
pub fn empty_database() -> Result<Database, Error> {
    Database::create(shared_cluster()?, "template template0 strategy file_copy")
}

impl Database {
    /// Where to connect, as superuser.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// A copy of it, as `create database … template` makes it. Ends all connections to this one.
    ///
    /// # Errors
    /// When somebody connects meanwhile.
    pub fn copy(&self) -> Result<Self, Error> {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = ";
        run(self.cluster, &format!("{end}'{}'", self.name))?;
        let from = format!("template {} strategy file_copy", self.name);
        Self::create(self.cluster, &from)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn cluster(&self) -> &'static SharedCluster {
        self.cluster
    }

    fn create(cluster: &'static SharedCluster, from: &str) -> Result<Self, Error> {
        let name = format!("test_{}", Uuid::new_v4().simple());
        run(cluster, &format!("create database {name} {from}"))?;
        Ok(Self { cluster, name })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        if let Err(error) = run(self.cluster, &sql) {
            tracing::warn!("left the test database {}: {error}", self.name);
        }
    }
}

fn ensure_template(
    cluster: &SharedCluster,
    name: &str,
    build: impl FnOnce(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    static THERE: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut there = THERE.lock().unwrap_or_else(PoisonError::into_inner);
    let there = there.get_or_insert_default();
    if there.contains(name) {
        return Ok(());
    }
    let builders = cluster.home.lock_file("templates")?;
    builders.lock().on("lock", &cluster.home.root)?;
    let known = format!("select 1 from pg_database where datname = '{name}'");
    if run(cluster, &known)?.is_empty() {
        build_template(cluster, name, build)?;
    }
    there.insert(name.to_owned());
    Ok(())
}

/// Built under another name: the rename is the moment it exists.
fn build_template(
    cluster: &SharedCluster,
    name: &str,
    build: impl FnOnce(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    let building = format!("building_{name}");
    // Left by a process that was killed: we hold the builders' lock.
    run(cluster, &format!("drop database if exists {building} with (force)"))?;
    run(cluster, &format!("create database {building} template template0 strategy file_copy"))?;
    build(&cluster.url(&building))?;
    // One open connection to a template makes each copy fail.
    run(cluster, &format!("alter database {building} allow_connections false"))?;
    run(cluster, &format!("alter database {building} rename to {name}"))?;
    // Last: while it is being built it must be possible to drop it.
    run(cluster, &format!("alter database {name} is_template true"))?;
    Ok(())
}

fn run(cluster: &SharedCluster, sql: &str) -> Result<Vec<String>, Error> {
    let failed = |source| Error::Statement { act: sql.to_owned(), source };
    cluster.execute("postgres", sql).map_err(failed)
}
