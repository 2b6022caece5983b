//! A text as tokens, without white space and comments; and tokens as statements.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token as Raw, Tokenizer};

use super::{Finding, codes};

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: u32,
    /// In characters, from 1.
    pub(super) column: u64,
}

/// As much of a token as the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or unquoted name, in lower case.
    Word(String),
    Quoted(String),
    /// A string constant of any kind: its text.
    Text(String),
    /// Any other token as it is written.
    Sign(String),
}

impl Token {
    /// The keyword or unquoted name.
    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The name, quoted or not.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(name) | Kind::Quoted(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        self.word().is_some_and(|word| words.contains(&word))
    }

    /// Whether it is one of the words, with blanks between them.
    pub(super) fn is_in(&self, words: &str) -> bool {
        self.word().is_some_and(|word| lists(words, word))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(&self.kind, Kind::Sign(found) if found == sign)
    }
}

/// Whether the word is one of the words, with blanks between them.
pub(super) fn lists(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|one| one == word)
}

/// The nth keyword or name of a statement, if that token is one.
pub(super) fn word_at(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).and_then(Token::word).unwrap_or("")
}

/// Reads a text whose first line is the given one.
pub(super) fn read(sql: &str, first_line: u32) -> Result<Vec<Token>, Finding> {
    let unreadable =
        |line: u32, message: String| Finding { line, code: codes::UNREADABLE, message };
    if sql.contains('\0') {
        return Err(unreadable(first_line, "holds a NUL character".to_owned()));
    }
    let raw = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().map_err(|e| {
        let within = u32::try_from(e.location.line).unwrap_or(u32::MAX);
        unreadable(first_line + within.saturating_sub(1), format!("cannot be read: {}", e.message))
    })?;
    let mut tokens = Vec::with_capacity(raw.len() / 2);
    let mut after_constant = false;
    for raw in raw {
        let within = u32::try_from(raw.span.start.line).unwrap_or(u32::MAX);
        let line = first_line + within.saturating_sub(1);
        let (constant, raw_column) = (is_constant(&raw.token), raw.span.start.column);
        // a constant that follows another one goes on with it: `'a' ⏎ 'b'` is `'ab'`
        let continues = after_constant && matches!(raw.token, Raw::SingleQuotedString(_));
        let Some(kind) = kind(raw.token) else { continue };
        after_constant = constant;
        if let (Some(Token { kind: Kind::Text(before), .. }), true, Kind::Text(more)) =
            (tokens.last_mut(), continues, &kind)
        {
            before.push_str(more);
            continue;
        }
        let token = Token { kind, line, column: raw_column };
        if token.is_sign("\\") {
            return Err(unreadable(line, "holds a psql command, which only psql knows".to_owned()));
        }
        if is_escaped_name(&tokens, &token) {
            return Err(unreadable(line, "holds a U&\"…\" name; write the name itself".to_owned()));
        }
        if token.is("uescape") && tokens.last().is_some_and(|before| before.text().is_some()) {
            let message = "holds a text with UESCAPE; write its characters themselves";
            return Err(unreadable(line, message.to_owned()));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

fn kind(token: Raw) -> Option<Kind> {
    Some(match token {
        Raw::Whitespace(_) | Raw::EOF => return None,
        Raw::Word(word) if word.quote_style.is_some() => Kind::Quoted(word.value),
        Raw::Word(word) => Kind::Word(word.value.to_lowercase()),
        Raw::SingleQuotedString(text)
        | Raw::EscapedStringLiteral(text)
        | Raw::UnicodeStringLiteral(text)
        | Raw::NationalStringLiteral(text) => Kind::Text(text),
        Raw::DollarQuotedString(quoted) => Kind::Text(quoted.value),
        other => Kind::Sign(other.to_string()),
    })
}

/// A string constant that a further one on the next line goes on with.
fn is_constant(token: &Raw) -> bool {
    matches!(
        token,
        Raw::SingleQuotedString(_)
            | Raw::EscapedStringLiteral(_)
            | Raw::UnicodeStringLiteral(_)
            | Raw::NationalStringLiteral(_)
    )
}

/// `U&"…"` spells a name in escapes that the other rules would not see through.
fn is_escaped_name(before: &[Token], token: &Token) -> bool {
    matches!(token.kind, Kind::Quoted(_))
        && matches!(before, [.., u, and] if u.is("u") && and.is_sign("&"))
}

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
