//! Cuts tokens into statements.

use super::tokens::{Token, word_at};

/// The statements of a script: cut at each `;` that is neither in parentheses nor in a function
/// body of the form BEGIN ATOMIC … END.
pub(super) fn statements(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut parts, mut start, mut parens, mut blocks) = (Vec::new(), 0, 0_usize, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        if token.is_sign("(") {
            parens += 1;
        } else if token.is_sign(")") {
            parens = parens.saturating_sub(1);
        } else if opens_atomic(tokens, at) || (blocks > 0 && token.is("case")) {
            blocks += 1;
        } else if blocks > 0 && token.is("end") {
            blocks -= 1;
        } else if token.is_sign(";") && parens == 0 && blocks == 0 {
            parts.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    parts.push(&tokens[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn opens_atomic(tokens: &[Token], at: usize) -> bool {
    tokens[at].is("begin") && word_at(tokens, at + 1) == "atomic"
}

/// The statements inside a procedural body: cut also where a block or branch begins.
pub(super) fn body_statements(tokens: &[Token]) -> Vec<&[Token]> {
    let opens =
        |t: &Token| t.is_any(&["begin", "then", "else", "loop", "declare"]) || t.is_sign(";");
    let mut parts: Vec<_> = tokens.split(opens).collect();
    parts.retain(|part| !part.is_empty());
    parts
}
