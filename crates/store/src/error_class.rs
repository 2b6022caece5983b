//! Which database errors are worth another try.

use sqlx::error::DatabaseError;

/// What a failed act means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The server could not be reached, or is going away: retry with back-off.
    Away,
    /// The server answered, and the answer may be another one later: retry with back-off.
    Transient,
    /// The database refused us a right (42501). On what is ours that is no tenant's fault: retry
    /// until an operator has given the right back.
    Refused,
    /// Will fail again the same way: do not retry.
    Permanent,
}

impl ErrorClass {
    /// Whether another try can help, with nothing done meanwhile.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Away | Self::Transient)
    }
}

/// The connection is gone: SQLSTATE class 08, shutdown (57P01 to 57P05), and a session that the
/// server ended because it was silent within a transaction (25P03) or the transaction took too
/// long (25P04, from PostgreSQL 17 on). Or there is no connection to be had: the server refuses the
/// password (28P01) or the user (28000), until the password is read anew.
const AWAY: [&str; 6] = ["08", "57P", "25P03", "25P04", "28P01", "28000"];

/// What passes by itself: 40 rollback (deadlock, serialization), 53 insufficient resources, 57
/// operator intervention (time-out), lock not available (55P03), object in use (55006).
const TRANSIENT: [&str; 5] = ["40", "53", "57", "55P03", "55006"];

/// The class of `error`: I/O, pool time-outs and the transient SQLSTATEs are worth another try.
#[must_use]
pub fn classify(error: &sqlx::Error) -> ErrorClass {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => ErrorClass::Away,
        sqlx::Error::Database(e) => classify_state(e.code().as_deref(), e.message()),
        _ => ErrorClass::Permanent,
    }
}

/// Whether the database answered with one of these SQLSTATEs.
#[must_use]
pub fn is_state(error: &sqlx::Error, states: &[&str]) -> bool {
    let state = error.as_database_error().and_then(DatabaseError::code);
    state.is_some_and(|state| states.contains(&&*state))
}

/// "tuple concurrently updated" comes as XX000, when two writers meet on one catalogue row.
fn classify_state(state: Option<&str>, message: &str) -> ErrorClass {
    let is_of =
        |list: &[&str]| state.is_some_and(|s| list.iter().any(|start| s.starts_with(start)));
    if is_of(&AWAY) {
        ErrorClass::Away
    } else if state == Some("42501") {
        ErrorClass::Refused
    } else if is_of(&TRANSIENT) || message.contains("tuple concurrently updated") {
        ErrorClass::Transient
    } else {
        ErrorClass::Permanent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_what_passes_by_itself_and_nothing_else() {
        for state in ["08006", "57P01", "57P03", "28P01", "28000"] {
            assert_eq!(classify_state(Some(state), ""), ErrorClass::Away, "{state}");
        }
        for state in ["40001", "40P01", "53300", "55P03", "57014"] {
            assert_eq!(classify_state(Some(state), ""), ErrorClass::Transient, "{state}");
        }
        assert_eq!(classify_state(Some("42501"), ""), ErrorClass::Refused);
        for state in ["23505", "42P06", "42601", "22001"] {
            assert_eq!(classify_state(Some(state), ""), ErrorClass::Permanent, "{state}");
        }
    }

    #[test]
    fn retries_a_collision_on_a_catalogue_row() {
        assert_eq!(
            classify_state(Some("XX000"), "tuple concurrently updated"),
            ErrorClass::Transient
        );
    }

    /// A worker that was halted for a moment is told so when it wakes; its tenants must not fail.
    #[test]
    fn retries_after_the_server_ended_a_silent_session() {
        let told = "terminating connection due to idle-in-transaction timeout";

        assert_eq!(classify_state(Some("25P03"), told), ErrorClass::Away);
        assert_eq!(classify_state(Some("25P02"), ""), ErrorClass::Permanent);
    }

    #[test]
    fn retries_a_lost_connection() {
        let lost = sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));

        assert_eq!(classify(&lost), ErrorClass::Away);
    }
}
