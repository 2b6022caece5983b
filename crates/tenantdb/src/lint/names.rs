//! Finds the names of other schemas.
//!
//! `a.b` is a column of `a`, or `b` in schema `a`. It is taken for a schema where only the name
//! of an object can stand (after FROM, TABLE, REFERENCES, …), and elsewhere unless `a` is seen
//! by itself too: a table, alias, variable or parameter is introduced without a dot.

use std::collections::HashSet;

use super::tokens::{Token, word_at};
use super::{Finding, codes, outside};
use crate::shared::Shared;

/// The names that a unit of code introduces, and those outside the schema that it may use.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    names: HashSet<String>,
    shared: &'a Shared,
}

impl<'a> Known<'a> {
    /// All names that appear without a dot beside them.
    pub(super) fn in_tokens(tokens: &[Token], shared: &'a Shared) -> Self {
        let mut known: HashSet<String> =
            ["new", "old", "excluded"].into_iter().map(str::to_owned).collect();
        for (at, token) in tokens.iter().enumerate() {
            let dotted = |at: Option<usize>| {
                at.and_then(|at| tokens.get(at)).is_some_and(|t| t.is_sign("."))
            };
            if let Some(name) = token.name()
                && !dotted(at.checked_sub(1))
                && !dotted(Some(at + 1))
            {
                known.insert(name.to_owned());
            }
        }
        Self { names: known, shared }
    }

    /// These and those of an inner unit.
    pub(super) fn and(&self, tokens: &[Token]) -> Self {
        let inner = Self::in_tokens(tokens, self.shared);
        Self { names: self.names.union(&inner.names).cloned().collect(), ..inner }
    }
}

/// Words after which only an object's name can stand, even when it has a dot.
pub(super) const OBJECT_WORDS: &str = "\
    table join view sequence type domain function procedure routine aggregate index \
    truncate references call update statistics collation";
/// Words that may stand between such a word and the name.
const FILLERS: &[&str] = &["only", "if", "not", "exists", "lateral", "concurrently"];
/// Words that end a list of relations.
const ENDS: &str = "\
    where group order having limit union except intersect returning window fetch set \
    values then loop select do when";
/// Functions that take an object's name as text.
const BY_TEXT: &[&str] =
    &["nextval", "currval", "setval", "to_regclass", "to_regtype", "pg_get_serial_sequence"];

/// What a name with a dot is, by where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// Where only an object's name can.
    ForObject,
    /// Where `table.column` can and a schema's name makes it three parts.
    ForColumn,
    InExpression,
}

/// How deep in parentheses we are, and what each level is.
#[derive(Debug, Default, Clone, Copy)]
struct Level {
    /// A SELECT or DELETE was seen: FROM here begins a list of relations.
    query: bool,
    /// We are in a list of relations: after a comma comes the next one.
    relations: bool,
}

/// Refuses the first name of another schema.
pub(super) fn check(tokens: &[Token], known: &Known<'_>) -> Result<(), Finding> {
    let mut levels = vec![Level { query: true, relations: false }];
    for (at, token) in tokens.iter().enumerate() {
        let stands = stands(tokens, at, levels.last().copied().unwrap_or_default());
        if let Some(parts) = parts_from(tokens, at) {
            dotted(tokens, at, parts, &stands, known)?;
        }
        by_text(tokens, at, known.shared)?;
        step(&mut levels, tokens, at);
        if token.is_sign(";") {
            levels = vec![Level { query: true, relations: false }];
        }
    }
    Ok(())
}

/// Follows parentheses and lists of relations.
fn step(levels: &mut Vec<Level>, tokens: &[Token], at: usize) {
    let token = &tokens[at];
    if token.is_sign("(") {
        let relations = stands(tokens, at, levels.last().copied().unwrap_or_default())
            == Stands::ForObject
            && before(tokens, at)
                .is_some_and(|t| t.is_any(&["from", "join", "using"]) || t.is_sign(","));
        levels.push(Level { query: false, relations });
    } else if token.is_sign(")") && levels.len() > 1 {
        levels.pop();
    } else if let Some(level) = levels.last_mut() {
        if token.is_in(ENDS) {
            level.relations = false;
        }
        if token.is_any(&["select", "delete"]) {
            level.query = true;
        }
        if token.is("from") && begins_relations(tokens, at, *level) {
            level.relations = true;
        }
    }
}

fn begins_relations(tokens: &[Token], from: usize, level: Level) -> bool {
    level.query && !before(tokens, from).is_some_and(|t| t.is("distinct"))
}

fn before(tokens: &[Token], at: usize) -> Option<&Token> {
    at.checked_sub(1).and_then(|at| tokens.get(at))
}

/// The number of parts of the dotted name that begins here; `None` if none does.
fn parts_from(tokens: &[Token], at: usize) -> Option<usize> {
    tokens[at].name()?;
    let dot = |at: usize| tokens.get(at).is_some_and(|t| t.is_sign("."));
    if before(tokens, at).is_some_and(|t| t.is_sign(".")) || !dot(at + 1) {
        return None;
    }
    let mut parts = 2;
    while tokens.get(at + 2 * (parts - 1)).is_some_and(|t| t.name().is_some())
        && dot(at + 2 * parts - 1)
    {
        parts += 1;
    }
    Some(parts)
}

fn stands(tokens: &[Token], at: usize, level: Level) -> Stands {
    let prior = without_fillers(&tokens[..at]).len();
    let Some(previous) = before(tokens, prior) else { return Stands::InExpression };
    let earlier = |n: usize| prior.checked_sub(n).map_or("", |at| word_at(tokens, at));
    let object = match previous.word() {
        Some("from") => begins_relations(tokens, prior - 1, level),
        Some("into") => matches!(earlier(2), "insert" | "merge"),
        Some("using") => {
            matches!(word_at(in_statement(tokens, at), 0), "delete" | "merge" | "with")
        }
        Some("on") => on_names_object(in_statement(tokens, at)),
        Some("of") => earlier(2) == "partition",
        Some("like") => {
            prior >= 2 && (tokens[prior - 2].is_sign("(") || tokens[prior - 2].is_sign(","))
        }
        Some("column") => return Stands::ForColumn,
        // a field of a composite column; a setting with a prefix
        Some("set") => return Stands::ForColumn,
        Some("local") if earlier(2) == "set" => return Stands::ForColumn,
        Some("by") if earlier(2) == "owned" => return Stands::ForColumn,
        Some(_) => previous.is_in(OBJECT_WORDS),
        None if previous.is_sign("::") => true,
        None if previous.is_sign(",") => level.relations || lists_objects(in_statement(tokens, at)),
        None if previous.is_sign("(") => level.relations || earlier(2) == "inherits",
        None => false,
    };
    if object { Stands::ForObject } else { Stands::InExpression }
}

/// The tokens without the words at their end that may stand between the kind of an object and its name.
pub(super) fn without_fillers(mut tokens: &[Token]) -> &[Token] {
    while let [rest @ .., last] = tokens
        && last.is_any(FILLERS)
    {
        tokens = rest;
    }
    tokens
}

/// The tokens from the last `;` to here.
fn in_statement(tokens: &[Token], at: usize) -> &[Token] {
    let start =
        tokens[..at].iter().rposition(|t| t.is_sign(";")).map_or(0, |semicolon| semicolon + 1);
    &tokens[start..at]
}

fn on_names_object(statement: &[Token]) -> bool {
    let ddl = word_at(statement, 0);
    // a later ON belongs to a join inside the definition
    let first = statement.iter().filter(|t| t.is("on")).count() == 1;
    first
        && (matches!(ddl, "comment" | "grant" | "revoke")
            || (matches!(ddl, "create" | "alter" | "drop")
                && statement
                    .iter()
                    .take(5)
                    .any(|t| t.is_any(&["index", "trigger", "policy", "rule"]))))
}

pub(super) fn lists_objects(statement: &[Token]) -> bool {
    matches!(word_at(statement, 0), "drop" | "truncate" | "lock")
}

fn dotted(
    tokens: &[Token],
    at: usize,
    parts: usize,
    stands: &Stands,
    known: &Known<'_>,
) -> Result<(), Finding> {
    let token = &tokens[at];
    let name = token.name().unwrap_or("");
    let after = at + 2 * parts - 1;
    let next = |sign: &str| tokens.get(after).is_some_and(|t| t.is_sign(sign));
    let after_comma = before(tokens, at).is_some_and(|t| t.is_sign(","));
    let named_type = next("%").then(|| word_at(tokens, after + 1));
    let foreign = match (stands, named_type) {
        _ if matches!(name, "pg_catalog" | "information_schema") => false,
        // a place in a text for `format`, such as %I.a or %1$s.a
        _ if fills_a_place(tokens, at, name) => false,
        // the next field of a composite column that UPDATE sets
        (Stands::InExpression, None) if next("=") && parts == 2 && after_comma => false,
        (_, Some("type")) => parts > 2,
        (_, Some("rowtype")) | (Stands::ForObject, _) => true,
        (Stands::ForColumn, _) => parts > 2,
        (Stands::InExpression, _) => next("(") || !known.names.contains(name),
    };
    if !foreign {
        return Ok(());
    }
    let second = tokens.get(at + 2).and_then(Token::name).unwrap_or("");
    if !outside::is_shared(name, second, known.shared) {
        let mut finding = foreign_schema(token, name);
        if *stands == Stands::ForObject && parts == 2 {
            finding.message += "; `tenants.shared_tables` can list tables that all tenants read";
        }
        return Err(finding);
    }
    outside::used(in_statement(tokens, at), stands, token, second)
}

fn fills_a_place(tokens: &[Token], at: usize, name: &str) -> bool {
    matches!(name, "i" | "s") && before(tokens, at).is_some_and(|t| t.is_sign("%"))
}

/// `'a.b'::regclass`, `nextval('a.b')`: an object's name as text.
fn by_text(tokens: &[Token], at: usize, shared: &Shared) -> Result<(), Finding> {
    let Some(text) = tokens[at].text() else { return Ok(()) };
    let cast = tokens.get(at + 1).is_some_and(|t| t.is_sign("::"))
        && word_at(tokens, at + 2).starts_with("reg");
    let argument = before(tokens, at).is_some_and(|t| t.is_sign("("))
        && at.checked_sub(2).is_some_and(|at| tokens[at].is_any(BY_TEXT));
    match text.split_once('.') {
        Some((schema, name))
            if (cast || argument)
                && schema != "pg_catalog"
                && !outside::is_shared(schema, name, shared) =>
        {
            Err(foreign_schema(&tokens[at], schema))
        }
        _ => Ok(()),
    }
}

fn foreign_schema(token: &Token, name: &str) -> Finding {
    let message = format!("names schema {name}; a migration runs in the one it is applied to");
    Finding::at(token, codes::FOREIGN_SCHEMA, message)
}
