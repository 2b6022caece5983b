//! Statements that no tenant migration may hold, known by their first words.

use super::tokens::{Token, lists, word_at};
use super::{Finding, codes, extensions, no_transaction, transaction};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the script itself.
    Top,
    /// In a script that runs outside any transaction.
    NoTransaction,
    /// Handed to EXECUTE as a text.
    Executed,
    /// In a DO block: procedural, and run by the migration.
    Block,
    /// In the body of a function or procedure: procedural, run when the tenant's application calls.
    Routine,
}

const TRANSACTION: &[&str] =
    &["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"];
const OUTSIDE: &[&str] = &["vacuum", "checkpoint", "cluster", "reindex"];
const SESSION: &[&str] =
    &["reset", "discard", "load", "listen", "unlisten", "prepare", "deallocate"];
const SHARED: &str = "\
    extension role user group database schema tablespace server publication subscription \
    language cast transform system event access owned parameter default";
/// Words between CREATE or DROP and the kind of object.
const MODIFIERS: &str = "\
    or replace temp temporary local global unlogged unique materialized recursive \
    trusted procedural constraint if not exists";
/// Settings that decide whose objects a statement touches, or how a text is read.
const GUARDED: &str = "\
    search_path role session_authorization standard_conforming_strings backslash_quote \
    session_replication_role";

/// Refuses the statement, or not.
pub(super) fn check(statement: &[Token], place: Place) -> Result<(), Finding> {
    let [first, rest @ ..] = statement else { return Ok(()) };
    if is_assignment(rest) {
        return Ok(());
    }
    control(first, rest, place)?;
    outside(first, statement, place)?;
    session(first, statement)?;
    settings(first, statement)?;
    definer(first, statement)?;
    shared(first, statement)?;
    temporary(first, statement, place)?;
    if place == Place::NoTransaction { no_transaction::check(statement) } else { Ok(()) }
}

/// Whether the statement makes a function or procedure.
pub(super) fn is_routine(statement: &[Token]) -> bool {
    matches!(kind(statement).and_then(Token::word), Some("function" | "procedure" | "routine"))
}

/// What the statement creates, alters or drops.
fn kind(statement: &[Token]) -> Option<&Token> {
    statement.iter().skip(1).find(|t| !t.is_in(MODIFIERS))
}

/// In a body a variable may be called like a command.
fn is_assignment(rest: &[Token]) -> bool {
    rest.first().is_some_and(|t| t.is_sign(":=") || t.is_sign("=") || t.is_sign("."))
}

fn control(first: &Token, rest: &[Token], place: Place) -> Result<(), Finding> {
    let refused = match place {
        Place::Top | Place::NoTransaction | Place::Executed => {
            first.is_any(TRANSACTION) || (first.is("prepare") && word_at(rest, 0) == "transaction")
        }
        Place::Block => first.is_any(&["commit", "rollback", "savepoint"]),
        Place::Routine => false,
    };
    if refused {
        let message = "controls the transaction, which the migration is part of";
        return Err(Finding::at(first, codes::TRANSACTION_CONTROL, message));
    }
    Ok(())
}

fn outside(first: &Token, statement: &[Token], place: Place) -> Result<(), Finding> {
    let refuse = |token: &Token, message: &str| {
        Err(Finding::at(token, codes::NEEDS_NO_TRANSACTION, message))
    };
    let alone = place == Place::NoTransaction;
    if first.is_any(OUTSIDE) && !(alone && first.is_any(&["vacuum", "reindex"])) {
        return refuse(first, "maintains storage, which is not a migration's work");
    }
    if first.is("copy") {
        let message = "uses COPY, which reads files or a client's stream; use INSERT";
        return Err(Finding::at(first, codes::COPY, message));
    }
    match transaction::concurrently(statement).filter(|_| !alone) {
        Some(word) if place == Place::Top && !first.is("alter") => {
            let message = "uses CONCURRENTLY, which cannot run in a transaction; put the statement in a \
                           file of its own, and the line `-- no-transaction` before it";
            refuse(word, message)
        }
        Some(word) => {
            refuse(word, "uses CONCURRENTLY, which cannot run in a transaction; leave the word out")
        }
        None => Ok(()),
    }
}

fn session(first: &Token, statement: &[Token]) -> Result<(), Finding> {
    if first.is_any(SESSION) {
        let message = "changes the session, which other tenants share";
        return Err(Finding::at(first, codes::SESSION_STATE, message));
    }
    let second = word_at(statement, 1);
    if first.is("set") && !matches!(second, "local" | "constraints") {
        let message = "sets a value for the session, which other tenants share; use SET LOCAL";
        return Err(Finding::at(first, codes::SESSION_STATE, message));
    }
    Ok(())
}

/// The search path and the role: by SET LOCAL, as a clause of a function, or by `set_config`.
fn settings(first: &Token, statement: &[Token]) -> Result<(), Finding> {
    let header = first.is_any(&["create", "alter"]) && is_routine(statement);
    // what follows ATOMIC is the body, where SET assigns columns
    let end = statement.iter().position(|t| t.is("atomic")).unwrap_or(statement.len());
    for (at, token) in statement[..end].iter().enumerate() {
        let next = |n: usize| statement.get(at + n);
        let name = if token.is("set") && (at == 0 || header) {
            let skip = if word_at(statement, at + 1) == "local" { 2 } else { 1 };
            let current = word_at(statement, at + skip + 1) == "from";
            next(skip).and_then(Token::word).filter(|_| !current)
        } else if token.is("set_config") && next(1).is_some_and(|t| t.is_sign("(")) {
            next(2).and_then(Token::text)
        } else {
            None
        };
        let name = name.unwrap_or("").to_ascii_lowercase();
        if header && name == "search_path" && is_safe_path(&statement[at + 2..end]) {
            continue;
        }
        if lists(GUARDED, &name) || (name == "session" || name == "schema") {
            let message = format!("sets {name}, by which the migration would leave its tenant");
            return Err(Finding::at(token, codes::SESSION_STATE, message));
        }
    }
    Ok(())
}

/// `= ''`, `to pg_catalog, pg_temp`: a function's own path, in which is nobody's object.
fn is_safe_path(clause: &[Token]) -> bool {
    let Some((sign, values)) = clause.split_first() else { return false };
    let safe = |t: &Token| {
        let value = t.text().or(t.name());
        value.is_some_and(|v| matches!(v, "" | "pg_catalog" | "pg_temp"))
    };
    let mut list = values.iter();
    let mut any = false;
    while let Some(value) = list.next() {
        if !safe(value) {
            return false;
        }
        any = true;
        if !list.next().is_some_and(|t| t.is_sign(",")) {
            break;
        }
    }
    (sign.is_sign("=") || sign.is("to")) && any
}

/// SECURITY DEFINER: whoever calls the function acts as the owner of all tenants' schemas.
fn definer(first: &Token, statement: &[Token]) -> Result<(), Finding> {
    let words = statement.windows(2).find(|w| w[0].is("security") && w[1].is("definer"));
    let Some([word, _]) = words.filter(|_| first.is_any(&["create", "alter"])) else {
        return Ok(());
    };
    if !is_routine(statement) {
        return Ok(());
    }
    if !statement.windows(2).any(|w| w[0].is("set") && w[1].is("search_path")) {
        let message = "makes a function SECURITY DEFINER without a search path of its own; add `set \
                       search_path from current`, or `= ''` where it names no table";
        return Err(Finding::at(word, codes::SECURITY_DEFINER_PATH, message));
    }
    let message = "makes a function SECURITY DEFINER: its callers get the rights of the owner of all \
                   tenants' schemas; if that is meant, add a line `-- tenantry: allow security definer` \
                   to the file";
    Err(Finding::at(word, codes::SECURITY_DEFINER, message))
}

fn shared(first: &Token, statement: &[Token]) -> Result<(), Finding> {
    extensions::check(statement)?;
    let object = match first.word().unwrap_or("") {
        "create" | "alter" | "drop" => kind(statement),
        "comment" | "security" => statement.iter().skip_while(|t| !t.is("on")).nth(1),
        "grant" | "revoke" => {
            let receivers = statement.iter().skip_while(|t| !t.is("to"));
            if let Some(everybody) = receivers.into_iter().find(|t| is_of_all_tenants(t)) {
                let message = "gives rights to PUBLIC or to a role of Tenantry's: the tenant's \
                               own role gets its rights by itself, and no other tenant any";
                return Err(Finding::at(everybody, codes::SHARED_OBJECT, message));
            }
            Some(granted(first, statement))
        }
        "reassign" | "import" => Some(first),
        _ => return Ok(()),
    };
    let always = first.is_any(&["reassign", "import"]);
    let foreign =
        object.is_some_and(|t| t.is("foreign")) && !statement.iter().any(|t| t.is("table"));
    let role = object.is_some_and(|t| t.is_any(&["grant", "revoke", "all"]));
    if let Some(object) = object.filter(|t| t.is_in(SHARED) || always || foreign || role) {
        let message = "touches what all tenants share: roles, schemas, extensions, the database";
        return Err(Finding::at(object, codes::SHARED_OBJECT, message));
    }
    moved(statement)
}

/// `OWNER TO`, `SET SCHEMA`, `IN SCHEMA`: hands an object over, or names a schema.
fn moved(statement: &[Token]) -> Result<(), Finding> {
    for (at, token) in statement.iter().enumerate() {
        match (token.word().unwrap_or(""), word_at(statement, at + 1)) {
            ("owner", "to") => {
                let message = "gives an object to another owner";
                return Err(Finding::at(token, codes::SHARED_OBJECT, message));
            }
            ("set" | "in", "schema") => {
                let message = "names a schema; a migration runs in the one it is applied to";
                return Err(Finding::at(token, codes::FOREIGN_SCHEMA, message));
            }
            _ => {}
        }
    }
    Ok(())
}

/// PUBLIC, or a role whose name begins as those of tenants do.
fn is_of_all_tenants(receiver: &Token) -> bool {
    receiver.is("public") || receiver.name().is_some_and(|name| name.starts_with("tn_"))
}

/// What rights are granted on; the command itself when it grants one role to another.
fn granted<'t>(first: &'t Token, statement: &'t [Token]) -> &'t Token {
    statement.iter().skip_while(|t| !t.is("on")).nth(1).unwrap_or(first)
}

fn temporary(first: &Token, statement: &[Token], place: Place) -> Result<(), Finding> {
    let mut modifiers = statement.iter().skip(1).take_while(|t| t.is_in(MODIFIERS));
    let temporary = modifiers.find(|t| t.is_any(&["temp", "temporary"]));
    let dropped =
        statement.windows(3).any(|w| w[0].is("on") && w[1].is("commit") && w[2].is("drop"));
    match temporary {
        Some(word) if first.is("create") && !dropped && place != Place::Routine => {
            let message = "makes a temporary object that would stay in the session; \
                           add ON COMMIT DROP";
            Err(Finding::at(word, codes::TEMPORARY_TABLE, message))
        }
        _ => Ok(()),
    }
}
