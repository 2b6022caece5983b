//! Refuses, before anything runs, a migration that would leave its tenant's schema, its
//! transaction or the session as others know it.
//!
//! It reads tokens and not a grammar: comments, strings and dollar quotes are understood, and a
//! statement that no parser knows yet passes. It is a guard for authors against mistakes; the
//! block that runs a migration checks again what it can (`migrations::script`).

mod code;
mod names;
mod parts;
mod rules;
mod tokens;

#[cfg(test)]
mod tests_accepted;
#[cfg(test)]
mod tests_refused;

use tokens::Token;

/// The rules' names, as callers and documents know them: never renamed.
pub(crate) mod codes {
    /// COMMIT and its kin.
    pub(crate) const TRANSACTION_CONTROL: &str = "transaction_control";
    /// The search path, the role, or a setting that would outlive the transaction.
    pub(crate) const SESSION_STATE: &str = "session_state";
    /// A database, role, schema, extension, …: what all tenants share.
    pub(crate) const SHARED_OBJECT: &str = "shared_object";
    /// CONCURRENTLY, VACUUM and others that refuse to run in a transaction.
    pub(crate) const NEEDS_NO_TRANSACTION: &str = "needs_no_transaction";
    /// COPY.
    pub(crate) const COPY: &str = "copy";
    /// Another schema's name.
    pub(crate) const FOREIGN_SCHEMA: &str = "foreign_schema";
    /// A temporary table that would stay in the session.
    pub(crate) const TEMPORARY_TABLE: &str = "temporary_table";
    /// Text that is not SQL.
    pub(crate) const UNREADABLE: &str = "unreadable";
}

/// A rule that a text breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Line of the text, from 1.
    pub(crate) line: u32,
    /// Which rule: one of [`codes`].
    pub(crate) code: &'static str,
    /// What is wrong, in a sentence without a subject.
    pub(crate) message: String,
}

impl Finding {
    fn at(token: &Token, code: &'static str, message: impl Into<String>) -> Self {
        Self { line: token.line, code, message: message.into() }
    }
}

/// Checks a migration's text. The first finding ends it.
pub(crate) fn check(sql: &str) -> Result<(), Finding> {
    let tokens = tokens::read(sql, 1)?;
    for statement in parts::statements(&tokens) {
        rules::check(statement, rules::Place::Top)?;
        names::check(statement, &names::Known::in_tokens(statement))?;
        code::check(statement)?;
    }
    Ok(())
}
