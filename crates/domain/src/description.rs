//! What a tenant is for, in the caller's own words.

use crate::TextError;

/// The field of a request.
const FIELD: &str = "description";

/// Longest description, in characters: a page of text.
const MAX_CHARS: usize = 4000;

/// The description in `text`, kept exactly as it is: at most 4000 characters, it may be empty; of
/// the control characters only tab, line feed and carriage return.
pub(crate) fn parse(text: &str) -> Result<String, TextError> {
    if text.chars().nth(MAX_CHARS).is_some() {
        return Err(TextError::TooLong(FIELD, MAX_CHARS));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(TextError::OtherControlCharacter(FIELD));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_have_lines_and_tabs_but_no_nul_or_escape() {
        assert_eq!(parse("a\r\n\tb").unwrap(), "a\r\n\tb");
        assert_eq!(parse("a\0"), Err(TextError::OtherControlCharacter(FIELD)));
        assert_eq!(parse("\u{1b}[0m"), Err(TextError::OtherControlCharacter(FIELD)));
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(parse(&"é".repeat(4000)).is_ok());
        assert_eq!(parse(&"é".repeat(4001)), Err(TextError::TooLong(FIELD, MAX_CHARS)));
    }
}
