//! The roles that a text gives rights to.

use super::code;
use super::parts;
use super::tokens::{self, Token};

/// The receivers of every GRANT of a statement and of the code in it, each with its line.
pub(super) fn of(statement: &[Token]) -> Vec<(u32, String)> {
    let mut found = receivers(statement);
    for body in code::texts(statement) {
        // what cannot be read is refused elsewhere
        let Ok(tokens) = tokens::read(body.text().unwrap_or(""), body.line) else { continue };
        for inner in parts::body_statements(&tokens) {
            found.extend(receivers(inner));
        }
    }
    found
}

fn receivers(statement: &[Token]) -> Vec<(u32, String)> {
    if !statement.first().is_some_and(|token| token.is("grant")) {
        return Vec::new();
    }
    let after = statement.iter().skip_while(|token| !token.is("to")).skip(1);
    after
        .take_while(|token| !token.is_any(&["with", "granted"]))
        .filter(|token| !token.is("group"))
        .filter_map(|token| Some((token.line, token.name()?.to_owned())))
        .collect()
}
