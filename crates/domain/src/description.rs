//! What a tenant is for, in the caller's own words.

use crate::{Code, codes};

/// Longest description, in characters: a page of text.
const MAX_CHARS: usize = 4000;

/// The text cannot be a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DescriptionError {
    /// It is longer than 4000 characters.
    #[error("description is longer than {MAX_CHARS} characters")]
    TooLong,
    /// A control character other than tab and the line ends is in it.
    #[error("description contains a control character other than tab and line ends")]
    ControlCharacter,
}

impl DescriptionError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> Code {
        codes::INVALID_DESCRIPTION
    }
}

/// The description in `text`, kept exactly as it is: at most 4000 characters, it may be empty; of
/// the control characters only tab, line feed and carriage return.
pub(crate) fn parse(text: &str) -> Result<String, DescriptionError> {
    if text.chars().nth(MAX_CHARS).is_some() {
        return Err(DescriptionError::TooLong);
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(DescriptionError::ControlCharacter);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_have_lines_and_tabs_but_no_nul_or_escape() {
        assert_eq!(parse("a\r\n\tb").unwrap(), "a\r\n\tb");
        assert_eq!(parse("a\0"), Err(DescriptionError::ControlCharacter));
        assert_eq!(parse("\u{1b}[0m"), Err(DescriptionError::ControlCharacter));
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(parse(&"é".repeat(4000)).is_ok());
        assert_eq!(parse(&"é".repeat(4001)), Err(DescriptionError::TooLong));
    }
}
