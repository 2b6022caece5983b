//! The few bytes of PostgreSQL's protocol that this crate needs: one statement
//! over the cluster's own socket. Packages that can be fetched bring no `psql`
//! and no `createdb`, and a driver would be a lot of code for `create database`.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for one answer. A clone of a template waits for two checkpoints.
const PATIENCE: Duration = Duration::from_secs(120);

/// 3.0, as every server since 7.4 speaks it.
const PROTOCOL: i32 = 3 << 16;

/// Longer than any message this crate can cause.
const LONGEST: usize = 1 << 20;

/// Why a statement was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The connection failed.
    #[error("the connection to PostgreSQL failed")]
    Io(#[from] io::Error),
    /// The server said no.
    #[error("PostgreSQL refused: {message} (SQLSTATE {code})")]
    Refused {
        /// The SQLSTATE.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The server asks for a password, or speaks something else.
    #[error("PostgreSQL answered with something unexpected: {0}")]
    Unexpected(&'static str),
}

impl WireError {
    /// Whether the server refused with one of these SQLSTATEs.
    pub(crate) fn is_one_of(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&code.as_str()))
    }
}

/// One connection as superuser.
#[derive(Debug)]
pub(crate) struct Session {
    stream: UnixStream,
}

impl Session {
    /// Connects to `database` over the socket.
    pub(crate) fn open(socket: &Path, database: &str) -> Result<Self, WireError> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut session = Self { stream };
        let mut hello = PROTOCOL.to_be_bytes().to_vec();
        for word in ["user", "postgres", "database", database, "application_name", "localpg"] {
            hello.extend_from_slice(word.as_bytes());
            hello.push(0);
        }
        hello.push(0);
        session.send(None, &hello)?;
        session.until_ready()?;
        Ok(session)
    }

    /// Runs one statement; the first column of its rows.
    pub(crate) fn run(&mut self, sql: &str) -> Result<Vec<String>, WireError> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)?;
        self.until_ready()
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<(), WireError> {
        let length = i32::try_from(body.len() + 4).map_err(io::Error::other)?;
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(body);
        Ok(self.stream.write_all(&message)?)
    }

    /// Reads up to `ReadyForQuery`: all of the answer, even after an error, so
    /// that the next statement does not read this one's rest.
    fn until_ready(&mut self) -> Result<Vec<String>, WireError> {
        let (mut rows, mut refused) = (Vec::new(), None);
        loop {
            let (kind, body) = self.receive()?;
            match kind {
                b'Z' => return refused.map_or(Ok(rows), Err),
                b'E' => {
                    let error = refusal(&body);
                    // After a fatal one the server hangs up without a `Z`.
                    if field(&body, b'V').is_some_and(|severity| severity != "ERROR") {
                        return Err(error);
                    }
                    refused = Some(error);
                }
                b'D' => rows.extend(first_column(&body)),
                b'R' if body != [0; 4] => {
                    return Err(WireError::Unexpected("it asks for a password"));
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self) -> Result<(u8, Vec<u8>), WireError> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(i32::from_be_bytes(length)).ok();
        let length = length.and_then(|it| it.checked_sub(4)).filter(|it| *it <= LONGEST);
        let mut body = vec![0; length.ok_or(WireError::Unexpected("a message of no size"))?];
        self.stream.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Unasked, the server logs a lost connection.
        if let Err(error) = self.send(Some(b'X'), &[]) {
            tracing::debug!("could not take leave of PostgreSQL: {error}");
        }
    }
}

/// `DataRow`: a count, then for each column a length (-1 = null) and the bytes.
fn first_column(body: &[u8]) -> Option<String> {
    let (length, rest) = body.get(2..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    Some(String::from_utf8_lossy(rest.get(..length)?).into_owned())
}

fn refusal(body: &[u8]) -> WireError {
    let text = |kind| field(body, kind).unwrap_or_default();
    WireError::Refused { code: text(b'C'), message: text(b'M') }
}

/// A field of an error: its kind in one byte, then text up to a zero.
fn field(body: &[u8], kind: u8) -> Option<String> {
    let found = body.split(|byte| *byte == 0).find(|it| it.first() == Some(&kind))?;
    Some(String::from_utf8_lossy(&found[1..]).into_owned())
}

/// An identifier in quotes.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string in quotes. With `standard_conforming_strings`, the default, a
/// backslash is a plain character.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_a_name_stay_inside() {
        assert_eq!(ident(r#"a"; drop"#), r#""a""; drop""#);
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn a_short_or_lying_message_is_no_row() {
        assert_eq!(first_column(&[]), None);
        assert_eq!(first_column(&[0, 1, 0, 0, 0, 9, b'x']), None);
        assert_eq!(first_column(&[0, 1, 255, 255, 255, 255]), None);
        assert_eq!(first_column(&[0, 1, 0, 0, 0, 1, b'x']).as_deref(), Some("x"));
    }

    #[test]
    fn an_error_keeps_its_sqlstate() {
        let error = refusal(b"SERROR\0VERROR\0C42P04\0Mdatabase exists\0\0");

        assert!(error.is_one_of(&["42P04"]));
        assert_eq!(error.to_string(), "PostgreSQL refused: database exists (SQLSTATE 42P04)");
    }
}
