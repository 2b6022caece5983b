//! A running server and how to reach it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::error::Error;
use crate::home::Home;
use crate::leftovers;
use crate::pidfile;
use crate::statement::{self, ident};

/// The database is there already: `duplicate_database`, and the unique index
/// that two creators at once meet.
const EXISTS: &[&str] = &["42P04", "23505"];

/// A running server: ours, or one that another process started.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) pid: i32,
    pub(crate) port: u16,
    pub(crate) socket_dir: PathBuf,
}

impl Server {
    /// The server that is up in `home`.
    pub(crate) fn running(home: &Home) -> Option<Self> {
        let (server, _) = pidfile::read(&home.data()).filter(|(_, ready)| *ready)?;
        let alive = leftovers::processes_in(&home.data()).contains(&server.pid);
        // A process that was just killed can be seen for a moment longer, but no
        // longer listens.
        (alive && UnixStream::connect(server.socket()).is_ok()).then_some(server)
    }

    /// Where to connect, in a form that both sqlx and libpq take. Over the
    /// socket, as superuser, no password: only for whoever may enter
    /// [`Server::socket_dir`].
    pub fn url(&self, database: &str) -> String {
        let (port, database) = (self.port, percent(database));
        let socket_dir = self.socket_dir.to_string_lossy();
        let host = percent(&socket_dir);
        // `sslmode`: a socket needs none, and PGSSLMODE would otherwise count.
        format!("postgres://postgres@localhost:{port}/{database}?host={host}&sslmode=disable")
    }

    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The port: on TCP if asked for, and in the socket's name in any case.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// # Errors
    /// [`Error::Statement`] if the server refuses.
    pub fn ensure_database(&self, name: &str) -> Result<(), Error> {
        match self.execute("postgres", &format!("create database {}", ident(name))) {
            Err(sqlx::Error::Database(error))
                if error.code().is_some_and(|code| EXISTS.contains(&&*code)) =>
            {
                Ok(())
            }
            Err(source) => Err(Error::Statement { act: format!("create database {name}"), source }),
            Ok(_) => Ok(()),
        }
    }

    /// Runs one statement in `database` as superuser; the first column of its rows. For what a
    /// cluster's keeper does now and then: each call connects anew.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub fn execute(&self, database: &str, sql: &str) -> Result<Vec<String>, sqlx::Error> {
        statement::run(self, database, sql)
    }

    pub fn socket(&self) -> PathBuf {
        self.socket_dir.join(format!(".s.PGSQL.{}", self.port))
    }
}

/// Everything but unreserved characters as `%XX`: RFC 3986, section 2.3.
fn percent(text: &str) -> PercentEncode<'_> {
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_survives_any_path_and_name() {
        let server = Server { pid: 1, port: 5433, socket_dir: "/tmp/a b&c".into() };

        assert_eq!(
            server.url("dé/b"),
            "postgres://postgres@localhost:5433/d%C3%A9%2Fb?host=%2Ftmp%2Fa%20b%26c&sslmode=disable"
        );
    }
}
