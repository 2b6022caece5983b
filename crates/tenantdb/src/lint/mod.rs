//! Refuses, before anything runs, a migration that would leave its tenant's schema, its
//! transaction or the session as others know it.
//!
//! It reads tokens and not a grammar: comments, strings and dollar quotes are understood, and a
//! statement that no parser knows yet passes. It is a guard for authors against mistakes; the
//! block that runs a migration checks again what it can (`migrations::script`).

mod code;
mod extensions;
mod names;
mod no_transaction;
mod outside;
mod rules;
mod tokens;
mod transaction;

#[cfg(test)]
mod tests_accepted;
#[cfg(test)]
mod tests_refused;
#[cfg(test)]
mod tests_shared;

use tokens::Token;

pub(crate) use no_transaction::{Leftover, Statement};

use crate::shared::Shared;

/// The rules' names, as callers and documents know them: never renamed.
pub(crate) mod codes {
    /// COMMIT and its kin.
    pub(crate) const TRANSACTION_CONTROL: &str = "transaction_control";
    /// The search path, the role, or a setting that would outlive the transaction.
    pub(crate) const SESSION_STATE: &str = "session_state";
    /// A database, role, schema, extension, …: what all tenants share.
    pub(crate) const SHARED_OBJECT: &str = "shared_object";
    /// What refuses to run in a transaction, or maintains storage.
    pub(crate) const NEEDS_NO_TRANSACTION: &str = "needs_no_transaction";
    /// What must not run twice, in a file that may.
    pub(crate) const NOT_REPEATABLE: &str = "not_repeatable";
    pub(crate) const COPY: &str = "copy";
    /// Another schema's name.
    pub(crate) const FOREIGN_SCHEMA: &str = "foreign_schema";
    /// A temporary table that would stay in the session.
    pub(crate) const TEMPORARY_TABLE: &str = "temporary_table";
    /// A function with its owner's rights, in a file that does not say that it means it.
    pub(crate) const SECURITY_DEFINER: &str = "security_definer";
    /// A function with its owner's rights, without a search path of its own.
    pub(crate) const SECURITY_DEFINER_PATH: &str = "security_definer_path";
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

#[cfg(test)]
fn check(sql: &str) -> Result<(), Finding> {
    prepare(sql, Shared::NOTHING, false).findings.into_iter().next().map_or(Ok(()), Err)
}

/// A text that was checked, ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The text for a transaction: without a BEGIN … COMMIT around it, without CONCURRENTLY and without
    /// what it says of extensions that all tenants share; all else is where it was.
    pub(crate) sql: String,
    /// Its statements, where they run outside any transaction.
    pub(crate) statements: Option<Vec<Statement>>,
    /// The roles that it gives rights to, each with its line.
    pub(crate) grantees: Vec<(u32, String)>,
    /// All that is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

/// The line by which a file says that it means a function with its owner's rights.
const ALLOWS_DEFINER: &str = "-- tenantry: allow security definer";

/// Checks a migration's text, and makes it ready to run: in a transaction, or outside any.
pub(crate) fn prepare(sql: &str, shared: &Shared, no_transaction: bool) -> Prepared {
    let tokens = match tokens::read(sql, 1) {
        Ok(tokens) => tokens,
        Err(finding) => {
            let (sql, findings) = (sql.to_owned(), vec![finding]);
            return Prepared { sql, statements: None, grantees: Vec::new(), findings };
        }
    };
    let statements = tokens::statements(&tokens);
    let (inner, mut left_out) = transaction::without_pair(&statements);
    let mut findings = Vec::new();
    let (extensions, inner): (Vec<&[Token]>, Vec<&[Token]>) =
        inner.iter().copied().partition(|s| extensions::is_left_out(s, shared));
    let place = if no_transaction { rules::Place::NoTransaction } else { rules::Place::Top };
    for statement in &inner {
        findings.extend(rules::check(statement, place).err());
        findings.extend(names::check(statement, &names::Known::in_tokens(statement, shared)).err());
        findings.extend(code::check(statement, shared).err());
    }
    if sql.lines().any(|line| line.trim().eq_ignore_ascii_case(ALLOWS_DEFINER)) {
        findings.retain(|finding| finding.code != codes::SECURITY_DEFINER);
    }
    findings.sort_by_key(|finding| finding.line);
    findings.dedup();
    left_out.extend(inner.iter().filter_map(|s| transaction::concurrently(s)));
    let grantees = inner.iter().flat_map(|statement| code::grantees(statement)).collect();
    let plain = transaction::blanked(sql, &left_out);
    let statement = |statement: &&[Token]| {
        let place = transaction::place(sql, &tokens, statement)?;
        Some(no_transaction::statement(statement, &sql[place.clone()], &plain[place]))
    };
    let statements = no_transaction.then(|| inner.iter().filter_map(statement).collect());
    let sql = transaction::without_statements(&plain, &tokens, &extensions);
    Prepared { sql, statements, grantees, findings }
}
