//! Joins the shared cluster, or starts it.

use std::fs::{self, File, TryLockError};
use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::cluster::Options;
use crate::error::{Error, OnPath};
use crate::home::Home;
use crate::launch;
use crate::leftovers;
use crate::server::Server;
use crate::testing::place;

/// Stops the cluster when it is not used.
const WATCH: &str = include_str!("watch.sh");

/// How long nobody may use the cluster before it is stopped, in seconds: longer
/// than the pause between two test binaries.
const QUIET_SECS: u32 = 5;

/// The cluster that all test processes of this checkout share.
#[derive(Debug)]
pub struct SharedCluster {
    server: Server,
    pub(super) home: Home,
    /// Our share of the lock that keeps the cluster running.
    _user: File,
}

/// The shared cluster, started if need be: 1 to 5 s the first time, then 5 ms.
/// It stays up as long as this process lives, and some seconds longer.
///
/// # Errors
/// Those of [`crate::Cluster::start`].
pub fn shared_cluster() -> Result<&'static SharedCluster, Error> {
    static SHARED: Mutex<Option<&'static SharedCluster>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = *shared {
        return Ok(cluster);
    }
    // Never freed: it is for the life of the process, as its lock is.
    let joined: &SharedCluster =
        Box::leak(Box::new(SharedCluster::join(&place::directory()?, QUIET_SECS)?));
    *shared = Some(joined);
    Ok(joined)
}

impl SharedCluster {
    /// As [`shared_cluster`], with a cluster in another directory, which ends
    /// after `quiet_secs` seconds without a user. Ours until dropped.
    ///
    /// # Errors
    /// Those of [`crate::Cluster::start`].
    pub fn join(dir: &Path, quiet_secs: u32) -> Result<Self, Error> {
        let home = Home::make(dir)?;
        let user = home.lock_file("users")?;
        user.lock_shared().on("lock", &home.root)?;
        let door = home.lock_file("lock")?;
        door.lock().on("lock", &home.root)?;
        leftovers::remove_if_there(&home.root.join("idle"))?;
        let running = Server::running(&home);
        let is_new = running.is_none();
        let server = running.map_or_else(|| start(&home), Ok)?;
        if let Some(watched) = unwatched(&home, is_new)? {
            watch(&home, &server, watched, quiet_secs)?;
        }
        Ok(Self { server, home, _user: user })
    }
}

impl Deref for SharedCluster {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// A new cluster, detached from us. Without fsync an old one is not worth a
/// recovery.
fn start(home: &Home) -> Result<Server, Error> {
    let data = home.data();
    if data.exists() {
        leftovers::clear(&data)?;
        fs::remove_dir_all(&data).on("remove", &data)?;
    }
    let options = Options { durable: false, ..Options::new(&home.root) };
    launch::launch(home, &options, false).map(|(_, server)| server)
}

/// The watcher's lock, if nobody has it: a watcher may have been killed.
fn unwatched(home: &Home, is_new: bool) -> Result<Option<File>, Error> {
    let file = home.lock_file("watched")?;
    if is_new {
        // An earlier server's watcher sees within a second that its server is gone.
        file.lock().on("lock", &home.root)?;
        return Ok(Some(file));
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).on("lock", &home.root),
    }
}

fn watch(home: &Home, server: &Server, watched: File, quiet_secs: u32) -> Result<(), Error> {
    let mut watcher = Command::new("sh");
    watcher.args(["-c", WATCH, "tenantry-test-watch"]).arg(&home.root);
    watcher.arg(server.pid().to_string()).arg(server.socket_dir()).arg(quiet_secs.to_string());
    // As its standard input the lock passes to the watcher: there is no moment
    // between ours and its own.
    watcher.stdin(Stdio::from(watched)).stdout(Stdio::null()).stderr(Stdio::null());
    watcher.current_dir("/").process_group(0);
    watcher.spawn().map_err(|source| Error::Run { program: "sh".into(), source })?;
    Ok(())
}
