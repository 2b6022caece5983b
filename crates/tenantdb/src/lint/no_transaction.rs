//! Files that run statement by statement, outside any transaction.
//!
//! A crash leaves no record of how far such a file came, so it runs again from its first statement. Each
//! statement has to bear that: rows are changed, and code is run, in ordinary files alone.

use super::tokens::{Token, word_at};
use super::{Finding, codes, transaction};

/// A statement of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The line of its file, from 1.
    pub(crate) line: u32,
    pub(crate) sql: String,
    /// Its text without CONCURRENTLY: the same where nobody uses the tables.
    pub(crate) plain: String,
    /// What an earlier run may have left behind, half made.
    pub(crate) leftover: Option<Leftover>,
    /// SQLSTATEs by which the server says that an earlier run has done it.
    pub(crate) done: &'static [&'static str],
}

/// Invalid indexes that an interrupted statement leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// The one with this name.
    Index(String),
    /// Those that REINDEX CONCURRENTLY makes beside the old ones.
    Reindexed,
}

impl Statement {
    /// Whether it says CONCURRENTLY, and so waits without locking others out.
    pub(crate) fn is_concurrent(&self) -> bool {
        self.sql != self.plain
    }
}

const MAY_RUN_AGAIN: &[&str] = &[
    "create", "alter", "drop", "comment", "grant", "revoke", "security", "refresh", "analyze",
    "vacuum", "reindex",
];

// duplicate_table, duplicate_object, duplicate_function
const MADE: &[&str] = &["42P07", "42710", "42723"];
// undefined_table, undefined_object, undefined_function
const GONE: &[&str] = &["42P01", "42704", "42883"];
// duplicate_column, duplicate_object, undefined_column, undefined_object
const CHANGED: &[&str] = &["42701", "42710", "42703", "42704"];

/// Refuses what does not bear a second run, or touches more than the tenant's own objects.
pub(super) fn check(statement: &[Token]) -> Result<(), Finding> {
    let [first, ..] = statement else { return Ok(()) };
    match first.word().unwrap_or("") {
        "vacuum" | "analyze" => own_tables(first, statement),
        "reindex" => reindexed(first, statement),
        _ if !first.is_any(MAY_RUN_AGAIN) => {
            let message = "stands in a file without a transaction, which runs again from its first \
                           statement after a crash: this one would do its work twice; move it to an \
                           ordinary file";
            Err(Finding::at(first, codes::NOT_REPEATABLE, message))
        }
        _ => index(statement),
    }
}

/// The statement as it runs; `sql` and `plain` are its texts.
pub(super) fn statement(tokens: &[Token], sql: &str, plain: &str) -> Statement {
    let concurrent = transaction::concurrently(tokens).is_some();
    let leftover = match word_at(tokens, 0) {
        "create" if concurrent => index_name(tokens).map(|name| Leftover::Index(name.to_owned())),
        "reindex" if concurrent => Some(Leftover::Reindexed),
        _ => None,
    };
    let done = match word_at(tokens, 0) {
        "create" => MADE,
        "drop" => GONE,
        "alter" => CHANGED,
        _ => &[],
    };
    let line = tokens.first().map_or(1, |token| token.line);
    Statement { line, sql: sql.to_owned(), plain: plain.to_owned(), leftover, done }
}

/// The name after CREATE INDEX CONCURRENTLY.
fn index_name(statement: &[Token]) -> Option<&str> {
    let after = statement.iter().skip_while(|token| !token.is("concurrently")).skip(1);
    let mut after = after.skip_while(|token| token.is_any(&["if", "not", "exists"]));
    after.next().filter(|token| !token.is("on")).and_then(Token::name)
}

fn index(statement: &[Token]) -> Result<(), Finding> {
    let Some(word) = transaction::concurrently(statement) else { return Ok(()) };
    if word_at(statement, 0) == "alter" {
        let message =
            "detaches a partition CONCURRENTLY, which a crash leaves half done; leave the word out";
        return Err(Finding::at(word, codes::NOT_REPEATABLE, message));
    }
    if word_at(statement, 0) == "create" && index_name(statement).is_none() {
        let message = "names no index: a second run after a crash would make another one; name it";
        return Err(Finding::at(word, codes::NOT_REPEATABLE, message));
    }
    Ok(())
}

/// `vacuum (analyze) a, b`: tables of the tenant's, by their names alone.
fn own_tables(first: &Token, statement: &[Token]) -> Result<(), Finding> {
    if let Some(word) = statement.iter().find(|token| token.is("full")) {
        let message = "rewrites the table and locks everybody out, which is not a migration's work";
        return Err(Finding::at(word, codes::NEEDS_NO_TRANSACTION, message));
    }
    let mut tables = without_options(&statement[1..]);
    while tables.first().is_some_and(|t| t.is_any(&["freeze", "verbose", "analyze"])) {
        tables = &tables[1..];
    }
    own_names(first, tables)
}

/// `reindex index concurrently a`, `reindex table concurrently a`.
fn reindexed(first: &Token, statement: &[Token]) -> Result<(), Finding> {
    let rest = without_options(&statement[1..]);
    if !rest.first().is_some_and(|token| token.is_any(&["index", "table"])) {
        let message = "is about more than this tenant; name one index or table";
        return Err(Finding::at(first, codes::SHARED_OBJECT, message));
    }
    if word_at(rest, 1) != "concurrently" {
        let message = "locks everybody out while it runs; add CONCURRENTLY after INDEX or TABLE";
        return Err(Finding::at(first, codes::NEEDS_NO_TRANSACTION, message));
    }
    own_names(first, &rest[2..])
}

/// What follows `( … )`.
fn without_options(tokens: &[Token]) -> &[Token] {
    let options = tokens.first().is_some_and(|token| token.is_sign("("));
    let end = tokens.iter().position(|token| token.is_sign(")")).filter(|_| options);
    end.map_or(tokens, |end| &tokens[end + 1..])
}

/// Names without a schema, none of them of PostgreSQL's own tables, which are found first.
fn own_names(first: &Token, names: &[Token]) -> Result<(), Finding> {
    if names.is_empty() {
        let message =
            "names no table, and would go through those of all tenants; name the tenant's";
        return Err(Finding::at(first, codes::SHARED_OBJECT, message));
    }
    let foreign = |token: &&Token| {
        token.is_sign(".") || token.name().is_some_and(|name| name.starts_with("pg_"))
    };
    match names.iter().find(foreign) {
        None => Ok(()),
        Some(token) => {
            let message = "names more than the tenant's own tables; write the name of one alone";
            Err(Finding::at(token, codes::FOREIGN_SCHEMA, message))
        }
    }
}
