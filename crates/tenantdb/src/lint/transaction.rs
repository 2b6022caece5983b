//! What a text says that is the same left out: for a run without a transaction of ours a BEGIN … COMMIT
//! around all of it, and CONCURRENTLY; and whole statements.

use std::ops::Range;

use super::tokens::{Token, word_at};

/// The statements inside of the one pair of BEGIN and COMMIT that is around all of them, and the words
/// of the pair. All of the statements when there is no such pair, or another word of control: that is
/// then refused.
pub(super) fn without_pair<'s, 't>(
    statements: &'s [&'t [Token]],
) -> (&'s [&'t [Token]], Vec<&'t Token>) {
    let [first, inner @ .., last] = statements else { return (statements, Vec::new()) };
    let plain = |rest: &[Token]| match rest {
        [] => true,
        [word] => word.is_any(&["work", "transaction"]),
        _ => false,
    };
    let begins = word_at(first, 0) == "begin" && plain(&first[1..])
        || word_at(first, 0) == "start" && word_at(first, 1) == "transaction" && first.len() == 2;
    let ends = matches!(word_at(last, 0), "commit" | "end") && plain(&last[1..]);
    if !(begins && ends) {
        return (statements, Vec::new());
    }
    (inner, first.iter().chain(*last).collect())
}

/// The word CONCURRENTLY of a statement that does the same without it.
pub(super) fn concurrently(statement: &[Token]) -> Option<&Token> {
    let word = statement.iter().find(|token| token.is("concurrently"))?;
    let about = |object: &str| statement.iter().take(4).any(|token| token.is(object));
    let ddl = match word_at(statement, 0) {
        "create" | "drop" => about("index"),
        "reindex" => true,
        "alter" => statement.iter().any(|token| token.is("detach")),
        _ => false,
    };
    ddl.then_some(word)
}

/// The text with blanks in place of the words, so that lines and columns stay.
pub(super) fn blanked(sql: &str, words: &[&Token]) -> String {
    let mut text = sql.to_owned();
    for token in words {
        let Some(word) = token.word() else { continue };
        if let Some(at) = offset(&text, token)
            && text.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
        {
            text.replace_range(at..at + word.len(), &" ".repeat(word.len()));
        }
    }
    text
}

/// The text with blanks in place of whole statements, so that lines and columns stay.
pub(super) fn without_statements(sql: &str, tokens: &[Token], statements: &[&[Token]]) -> String {
    let mut text = sql.to_owned();
    for statement in statements {
        let Some(place) = place(&text, tokens, statement) else { continue };
        let blank = |c: char| if c == '\n' { c } else { ' ' };
        let blanks: String = text[place.clone()].chars().map(blank).collect();
        text.replace_range(place, &blanks);
    }
    text
}

/// Where a statement of the text stands, up to its semicolon, in bytes.
pub(super) fn place(text: &str, tokens: &[Token], statement: &[Token]) -> Option<Range<usize>> {
    let first = statement.first()?;
    let at = tokens.iter().position(|token| std::ptr::eq(token, first))?;
    let next = tokens.get(at + statement.len());
    let end = next.and_then(|next| offset(text, next)).unwrap_or(text.len());
    Some(offset(text, first)?..end)
}

/// Where a token of the text begins, in bytes.
fn offset(text: &str, token: &Token) -> Option<usize> {
    let line = usize::try_from(token.line).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(token.column).ok()?.checked_sub(1)?;
    let within = text.get(start..)?.char_indices().nth(column)?.0;
    Some(start + within)
}
