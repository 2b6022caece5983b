//! For whom an operator acts, as the operator says.

use crate::{
    tenant_name::{shows_nothing, turns_direction},
    text::{TextError, check_line, text_newtype},
};

const FIELD: &str = "Tenantry-Actor";

/// Longest name, in characters.
const MAX_CHARS: usize = 255;

/// For whom an operator acts: 1–255 characters that can be printed. It is recorded and gives no rights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal(String);

impl Principal {
    /// The name in `text`, kept exactly as it is.
    ///
    /// # Errors
    /// When `text` is blank, longer than 255 characters, or has a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        check_line(FIELD, text, MAX_CHARS)?;
        let ends_line = |c| matches!(c, '\u{2028}' | '\u{2029}');
        if text.chars().any(|c| turns_direction(c) || ends_line(c)) {
            return Err(TextError::ControlCharacter(FIELD));
        }
        if text.chars().all(shows_nothing) {
            return Err(TextError::Empty(FIELD));
        }
        Ok(Self(text.to_owned()))
    }
}

text_newtype!(Principal, TextError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_line_that_can_be_printed() {
        for fine in ["ada@example.com", "Ärztin 7", "a", &"é".repeat(255)] {
            assert_eq!(Principal::parse(fine).unwrap().as_str(), fine);
        }
        for wrong in ["", " ", "\u{200b}", "a\nb", "a\u{1b}[0m", "a\u{2028}b", "a\u{202e}b"] {
            assert!(Principal::parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(Principal::parse(&"é".repeat(256)), Err(TextError::TooLong(FIELD, 255)));
    }
}
