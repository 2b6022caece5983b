//! Extensions belong to all tenants: what a text says of those that the settings list is left out.

use super::tokens::{Token, word_at};
use super::{Finding, codes};
use crate::shared::Shared;

/// Whether the statement creates, drops or describes extensions that are all listed. It is left out
/// then: a dump begins with such ones.
pub(super) fn is_left_out(statement: &[Token], shared: &Shared) -> bool {
    let named = names(statement);
    word_at(statement, 0) != "alter"
        && !named.is_empty()
        && named.iter().all(|name| name.name().is_some_and(|n| shared.has_extension(n)))
}

/// Refuses a statement about an extension, and says which setting does it.
pub(super) fn check(statement: &[Token]) -> Result<(), Finding> {
    let Some(name) = names(statement).first().copied() else { return Ok(()) };
    let extension = name.name().unwrap_or("");
    let message = if word_at(statement, 0) == "create" {
        format!(
            "creates extension {extension}, which all tenants would share; list it in \
             `tenants.extensions`, and `tenantry migrate public up` creates it"
        )
    } else {
        format!("touches extension {extension}, which all tenants share")
    };
    Err(Finding::at(name, codes::SHARED_OBJECT, message))
}

/// The names in CREATE, DROP and COMMENT ON EXTENSION, and in ALTER EXTENSION.
fn names(statement: &[Token]) -> Vec<&Token> {
    let after = match (word_at(statement, 0), word_at(statement, 1), word_at(statement, 2)) {
        ("create" | "drop" | "alter", "extension", _) => 2,
        ("comment", "on", "extension") => 3,
        _ => return Vec::new(),
    };
    let rest = statement[after..].iter();
    let mut rest = rest.skip_while(|t| t.is_any(&["if", "not", "exists"]));
    let mut names: Vec<&Token> = rest.next().filter(|t| t.name().is_some()).into_iter().collect();
    if word_at(statement, 0) == "drop" {
        while rest.next().is_some_and(|t| t.is_sign(",")) {
            names.extend(rest.next().filter(|t| t.name().is_some()));
        }
    }
    names
}
