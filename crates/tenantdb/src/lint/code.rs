//! Looks into the code that a statement carries as text: bodies of functions and of DO, and
//! string constants that such a body executes.

use super::Finding;
use super::names::{self, Known};
use super::rules::{self, Place};
use super::tokens::{self, Token, word_at};
use crate::shared::Shared;

/// Checks the bodies in a statement, if it is one that has any.
pub(super) fn check(statement: &[Token], shared: &Shared) -> Result<(), Finding> {
    let Some((place, bodies)) = bodies(statement) else { return Ok(()) };
    let outer = Known::in_tokens(statement, shared);
    for body in bodies {
        let tokens = tokens::read(body.text().unwrap_or(""), body.line)?;
        let known = outer.and(&tokens);
        names::check(&tokens, &known)?;
        for inner in tokens::body_statements(&tokens) {
            rules::check(inner, place)?;
            executed(inner, &known)?;
        }
    }
    Ok(())
}

/// The receivers of every GRANT of a statement and of the code in it, each with its line.
pub(super) fn grantees(statement: &[Token]) -> Vec<(u32, String)> {
    let mut found = receivers(statement);
    for body in bodies(statement).into_iter().flat_map(|(_, bodies)| bodies) {
        // what cannot be read is refused elsewhere
        let Ok(tokens) = tokens::read(body.text().unwrap_or(""), body.line) else { continue };
        for inner in tokens::body_statements(&tokens) {
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

/// The texts of a statement that the server will run as code.
fn bodies(statement: &[Token]) -> Option<(Place, Vec<&Token>)> {
    match word_at(statement, 0) {
        "do" => {
            let language = statement.iter().position(|t| t.is("language")).map(|at| at + 1);
            let texts = statement.iter().enumerate();
            let bodies = texts.filter(|(at, t)| t.text().is_some() && Some(*at) != language);
            Some((Place::Block, bodies.map(|(_, t)| t).collect()))
        }
        "create" if rules::is_routine(statement) => {
            let bodies = statement.windows(2).filter(|w| w[0].is("as") && w[1].text().is_some());
            Some((Place::Routine, bodies.map(|w| &w[1]).collect()))
        }
        _ => None,
    }
}

/// String constants after EXECUTE: as much of the dynamic statement as stands in the file.
fn executed(statement: &[Token], known: &Known<'_>) -> Result<(), Finding> {
    let Some(at) = statement.iter().position(|t| t.is("execute")) else { return Ok(()) };
    let dynamic = statement[at + 1..].iter().take_while(|t| !t.is("using"));
    for text in dynamic.filter(|t| t.text().is_some()) {
        // a fragment may end inside a quote: then there is nothing to read in it
        let Ok(tokens) = tokens::read(text.text().unwrap_or(""), text.line) else { continue };
        names::check(&tokens, &known.and(&tokens))?;
        for inner in tokens::statements(&tokens) {
            rules::check(inner, Place::Executed)?;
        }
    }
    Ok(())
}
