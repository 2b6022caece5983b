//! A cluster of our own, for as long as this value lives.

use std::fs::{self, File, TryLockError};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Child;

use crate::error::{Error, OnPath};
use crate::home::Home;
use crate::launch;
use crate::server::Server;

/// What cluster to run, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster's directory; made if it is not there. As root, and where the
    /// server's user cannot go, `/var/lib/tenantry/<hash>` stands in for it.
    pub data_dir: PathBuf,
    /// Whether data survives a power cut. `false` is for throw-away data only.
    pub durable: bool,
    /// Whether the server gets our settings; `false` leaves it PostgreSQL's own defaults, as
    /// elsewhere, but for where it listens.
    pub tuned: bool,
    /// More settings of PostgreSQL; they win over ours.
    pub extra: Vec<(String, String)>,
    /// A TCP port on 127.0.0.1, for roles with a password. `None` = the socket only.
    pub port: Option<u16>,
    /// Whether npm may fetch PostgreSQL if it is not installed.
    pub fetch: bool,
    /// The directory of `initdb` and `postgres`; `None` = they are looked for.
    pub bin: Option<PathBuf>,
}

impl Options {
    /// A durable cluster on a socket only; nothing is fetched.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durable: true,
            tuned: true,
            extra: Vec::new(),
            port: None,
            fetch: false,
            bin: None,
        }
    }
}

/// A running cluster that is ours alone. Dropping it stops it.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    /// `None` once stopped.
    child: Option<Child>,
    /// Held until the server has ended: fields are dropped in this order.
    _lock: File,
}

impl Cluster {
    /// Starts the cluster, making it first if need be. Waits if another process
    /// runs it. Blocks for 40 ms when warm, 1 to 5 s the first time.
    ///
    /// # Errors
    /// [`Error::NotFound`] without PostgreSQL; [`Error::Ended`] and
    /// [`Error::NotReady`] carry the end of the server's log.
    pub fn start(options: Options) -> Result<Self, Error> {
        let home = Home::make(&options.data_dir)?;
        let lock = lock(&home)?;
        let (child, server) = launch::launch(&home, &options, true)?;
        Ok(Self { server, child: Some(child), _lock: lock })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops the cluster and waits for its end: 20 ms when idle.
    ///
    /// # Errors
    /// [`Error::Io`] if the process cannot be signalled or waited for.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let dir = self.server.socket_dir();
        launch::stop(&mut child).on("stop the server of", dir)?;
        // After SIGKILL a socket is left in it; the next start takes care of that.
        if let Err(error) = fs::remove_dir(dir) {
            tracing::debug!("left the socket's directory {}: {error}", dir.display());
        }
        Ok(())
    }
}

impl Deref for Cluster {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!("could not stop PostgreSQL: {error}");
        }
    }
}

fn lock(home: &Home) -> Result<File, Error> {
    let file = home.lock_file("lock")?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            tracing::info!("waiting for the cluster in {} to be let go", home.root.display());
        }
        Err(TryLockError::Error(error)) => return Err(error).on("lock", &home.root),
    }
    file.lock().on("lock", &home.root)?;
    Ok(file)
}
