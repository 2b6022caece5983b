//! Errors of steps: classified in one place, with the whole chain kept.

use std::{borrow::Cow, error::Error, fmt};

use domain::{Code, codes};
use sqlx::postgres::PgDatabaseError;
use store::ErrorClass;

/// What an error means for the item: try again or turn back, under which stable code, and what
/// the caller may be told of it.
pub trait Classify: Error + Send + Sync + 'static {
    /// Whether trying again can help.
    fn class(&self) -> ErrorClass;

    /// The stable code the caller sees.
    fn code(&self) -> Code {
        match self.class() {
            ErrorClass::Away | ErrorClass::Transient => codes::DATABASE_UNAVAILABLE,
            ErrorClass::Refused => codes::RIGHT_REFUSED,
            ErrorClass::Permanent => codes::INTERNAL,
        }
    }

    /// A sentence for the caller: no SQL, host or secret. `None` when only the act may be named.
    fn public_message(&self) -> Option<String> {
        None
    }
}

/// SQLSTATE of `raise exception`, which no statement of ours uses: an event trigger of the database's
/// owner refuses what we do, and says why.
const RAISED: &str = "P0001";

/// Most characters of such a trigger that callers are told.
const MAX_WORDS: usize = 300;

impl Classify for sqlx::Error {
    fn class(&self) -> ErrorClass {
        store::classify(self)
    }

    fn code(&self) -> Code {
        let state = self.as_database_error().and_then(|e| e.code().map(Cow::into_owned));
        match (state.as_deref(), self.class()) {
            // Query canceled (by statement_timeout) and lock not available (by lock_timeout).
            (Some("57014" | "55P03"), _) => codes::TIMED_OUT,
            (Some(RAISED), _) => codes::DATABASE_REFUSED,
            (_, ErrorClass::Permanent) if of_a_trigger(self).is_some() => codes::DATABASE_REFUSED,
            (_, ErrorClass::Permanent) => codes::INTERNAL,
            (_, ErrorClass::Refused) => codes::RIGHT_REFUSED,
            (_, _) => codes::DATABASE_UNAVAILABLE,
        }
    }

    fn public_message(&self) -> Option<String> {
        let refused = self.as_database_error()?;
        let words: String = refused.message().chars().take(MAX_WORDS).collect();
        if refused.code()? == RAISED && called(self) != Some(BLOCK) {
            return Some(format!("a trigger of the database refused it: {words}"));
        }
        let function = of_a_trigger(self)?;
        Some(format!("a trigger of the database failed in its function {function}: {words}"))
    }
}

/// The function of an event trigger in which a statement of ours failed: none of our statements calls a
/// function in PL/pgSQL but blocks of its own.
fn of_a_trigger(error: &sqlx::Error) -> Option<&str> {
    called(error).filter(|name| *name != BLOCK)
}

/// How the server calls a DO block.
const BLOCK: &str = "inline_code_block";

/// The innermost function in PL/pgSQL in which a statement failed.
fn called(error: &sqlx::Error) -> Option<&str> {
    const FUNCTION: &str = "PL/pgSQL function ";
    let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    let called = error.r#where()?.lines().find_map(|line| line.strip_prefix(FUNCTION))?;
    called.split(['(', ' ']).next()
}

/// A step that failed: the act it failed in, its class and code, and the cause.
#[derive(Debug)]
pub struct StepError {
    act: &'static str,
    class: ErrorClass,
    code: Code,
    message: Option<String>,
    source: Box<dyn Error + Send + Sync>,
}

impl StepError {
    /// `source`, met in the act `act` ("create schema").
    pub fn new<E: Classify>(act: &'static str, source: E) -> Self {
        Self {
            act,
            class: source.class(),
            code: source.code(),
            message: source.public_message(),
            source: Box::new(source),
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.class.is_transient()
    }

    /// Whether the database refused Tenantry a right: no tenant's fault, and every tenant's trouble.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.class == ErrorClass::Refused
    }

    /// Whether the server could not be reached, or went away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.class == ErrorClass::Away
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// What the caller is told: no SQL, host or secret.
    #[must_use]
    pub fn public_message(&self) -> String {
        self.message.clone().unwrap_or_else(|| format!("could not {}", self.act))
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}", self.act)
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Names the act in which an error was met.
pub trait During<T> {
    /// Turns the error into a [`StepError`] of the act `act`, an infinitive: "create schema".
    ///
    /// # Errors
    /// When `self` is an error.
    fn during(self, act: &'static str) -> Result<T, StepError>;
}

impl<T, E: Classify> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, StepError> {
        self.map_err(|error| StepError::new(act, error))
    }
}
