//! A PostgreSQL of the run's own, which it may stop at once and start again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use localpg::{Cluster, Options};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::task::spawn_blocking;

/// The cluster, running but for the time between [`Postgres::stop_at_once`] and
/// [`Postgres::start_again`]. Durable: what it acknowledged is what the faults are about.
#[derive(Debug)]
pub(crate) struct Postgres {
    cluster: Option<Cluster>,
    options: Options,
    log: PathBuf,
}

impl Postgres {
    /// A new cluster below `ground`, with settings that win over the usual ones.
    pub(crate) async fn start(ground: &Path, settings: &[(&str, &str)]) -> Self {
        let mut options = Options::new(ground.join("pg"));
        let own = [
            // To `server.log`, where it can be read.
            ("logging_collector", "off"),
            ("shared_buffers", "64MB"),
            ("max_wal_size", "512MB"),
            ("max_connections", "120"),
        ];
        let all = own.iter().chain(settings);
        options.extra = all.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let log = ground.join("pg/server.log");
        let mut postgres = Self { cluster: None, options, log };
        postgres.start_again().await;
        postgres
    }

    /// The cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("it is asked for only while it runs")
    }

    /// The socket it listens on, the same after every start.
    pub(crate) fn socket(&self) -> PathBuf {
        let server = self.cluster().server();
        server.socket_dir().join(format!(".s.PGSQL.{}", server.port()))
    }

    /// SIGQUIT to the postmaster, PostgreSQL's immediate shutdown: every backend ends where it
    /// is, nothing is written, and the next start recovers from the log.
    pub(crate) async fn stop_at_once(&mut self) {
        let cluster = self.cluster.take().expect("it is stopped only while it runs");
        kill(Pid::from_raw(cluster.pid()), Signal::SIGQUIT).expect("our own child takes a signal");
        spawn_blocking(move || drop(cluster)).await.expect("stopping does not panic");
        assert!(self.said("received immediate shutdown request") > 0, "it ended in another way");
    }

    /// Starts it, with what it holds.
    pub(crate) async fn start_again(&mut self) {
        let options = self.options.clone();
        let started = spawn_blocking(|| Cluster::start(options)).await;
        let cluster = started.expect("starting does not panic");
        self.cluster = Some(cluster.expect("PostgreSQL starts with what it holds"));
    }

    /// How often it has written `text` to its log since it was started last.
    pub(crate) fn said(&self, text: &str) -> usize {
        let log = fs::read(&self.log).expect("the server writes a log");
        String::from_utf8_lossy(&log).matches(text).count()
    }
}
