//! Opens one connection, or says why there is none.
//!
//! A pool waits for a server that refuses, and tells only that the wait was too long.

use std::{fmt, io, time::Duration};

use sqlx::{
    PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{
    is_state,
    session::{self, SessionError},
};

/// What to do about a host that is a piece of a password.
const ENCODE: &str = "within a password write @ as %40, / as %2F, : as %3A, # as %23 and ? as %3F";

/// Why no connection could be opened. For operators: it names the server.
#[derive(Debug)]
pub struct Unreachable {
    host: String,
    place: String,
    source: sqlx::Error,
}

/// A connection, and how it was opened.
#[derive(Debug)]
pub struct Reached {
    pub conn: PgConnection,
    pub options: PgConnectOptions,
    /// Set where TLS was wanted and failed.
    pub unencrypted: Option<Unencrypted>,
}

/// What a log, or a person, is told of a connection without TLS.
#[derive(Debug)]
pub struct Unencrypted {
    cause: sqlx::Error,
}

/// A ready connection to the server of `options`, within `patience`. With sslmode `prefer`, which is
/// the default, a server whose TLS fails is reached without TLS, as libpq does it; sqlx does so only
/// where the server offers none.
///
/// # Errors
/// [`Unreachable`], with the server's own words where it said any.
pub async fn reach(options: &PgConnectOptions, patience: Duration) -> Result<Reached, Unreachable> {
    let refused = match open(options, patience).await {
        Ok(conn) => return Ok(Reached { conn, options: options.clone(), unencrypted: None }),
        Err(refused) => refused,
    };
    let prefers = matches!(options.get_ssl_mode(), PgSslMode::Prefer);
    if !prefers || !is_failed_handshake(&refused.source) {
        return Err(refused);
    }
    let plain = options.clone().ssl_mode(PgSslMode::Disable);
    let conn = open(&plain, patience).await?;
    let unencrypted = Some(Unencrypted { cause: refused.source });
    Ok(Reached { conn, options: plain, unencrypted })
}

/// Whether the server spoke, offered TLS, and then the two did not agree.
fn is_failed_handshake(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(e) => e.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()),
        _ => false,
    }
}

async fn open(options: &PgConnectOptions, patience: Duration) -> Result<PgConnection, Unreachable> {
    let opened = tokio::time::timeout(patience, session::open(options)).await;
    opened
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|source| Unreachable::at(options, source))
}

impl Unreachable {
    /// `source`, met at the server of `options`.
    #[must_use]
    pub fn at(options: &PgConnectOptions, source: sqlx::Error) -> Self {
        let host = options.get_host().to_owned();
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{host}:{}", options.get_port()),
        };
        Self { host, place, source }
    }

    #[must_use]
    pub fn error(&self) -> &sqlx::Error {
        &self.source
    }

    /// Whether the server refused the user or its password.
    #[must_use]
    pub fn is_refused_login(&self) -> bool {
        is_refused_login(&self.source)
    }
}

/// Whether the server refused a user or a password: another password may do.
#[must_use]
pub fn is_refused_login(error: &sqlx::Error) -> bool {
    is_state(error, &["28P01", "28000"])
}

impl fmt::Display for Unencrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the connection to PostgreSQL is not encrypted, because TLS failed ({}); \
             `sslmode=require` in DATABASE_URL refuses this, `sslmode=disable` accepts it silently",
            self.cause
        )
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, place, source } = self;
        match source {
            sqlx::Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "connection refused at {place}")
            }
            sqlx::Error::Io(e) if e.to_string().starts_with("failed to lookup address") => {
                write!(f, "the database's host reads as `{host}`, which has no address: {ENCODE}")
            }
            sqlx::Error::Io(_) => write!(f, "could not connect to PostgreSQL at {place}"),
            sqlx::Error::PoolTimedOut => write!(f, "PostgreSQL does not answer at {place}"),
            sqlx::Error::Configuration(_) => match SessionError::of(source) {
                Some(error) => error.fmt(f),
                None => f.write_str("could not read DATABASE_URL"),
            },
            _ if self.is_refused_login() => {
                write!(f, "PostgreSQL at {place} refused the user or its password")
            }
            _ => write!(f, "PostgreSQL at {place} refused the connection"),
        }
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let told = match &self.source {
            sqlx::Error::Io(e) => e.kind() == io::ErrorKind::ConnectionRefused,
            sqlx::Error::PoolTimedOut => true,
            other => SessionError::of(other).is_some(),
        };
        (!told).then_some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, str::FromStr as _, time::Instant};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    async fn refused(url: &str) -> Unreachable {
        let options = PgConnectOptions::from_str(url).unwrap();
        reach(&options, PATIENCE).await.err().unwrap()
    }

    #[tokio::test]
    async fn says_at_once_where_nothing_listens() {
        let began = Instant::now();

        let refused = refused("postgres://u:secret@127.0.0.1:1/db").await;

        assert_eq!(refused.to_string(), "connection refused at 127.0.0.1:1");
        assert!(refused.source().is_none() && began.elapsed() < PATIENCE / 2);
    }

    #[tokio::test]
    async fn says_how_to_write_a_password_whose_end_was_taken_for_the_host() {
        let refused = refused("postgres://u:p@ss.invalid/word@127.0.0.1:1/db").await;

        let told = refused.to_string();
        assert!(told.contains("reads as `ss.invalid`") && told.contains("%40"), "{told}");
        assert!(!told.contains("word@"), "{told}");
    }

    #[tokio::test]
    async fn gives_the_servers_own_words() {
        let db = harness::empty_db().await;
        let options = PgConnectOptions::from_str(&db.url).unwrap().username("nobody_here");

        let refused = reach(&options, PATIENCE).await.err().unwrap();

        assert!(refused.is_refused_login());
        let words = refused.source().unwrap().to_string();
        assert!(words.contains("\"nobody_here\" does not exist"), "{words}");
    }
}
