//! The caller's own id for a tenant.

use crate::text::{TextError, check_line, text_newtype};

/// The field of a request.
const FIELD: &str = "external_id";

/// Longest external id, in characters.
const MAX_CHARS: usize = 255;

/// The caller's own id for a tenant: 1–255 characters, no control characters. Opaque to us, so
/// letter case counts: `cus_A` and `cus_a` are two customers to whoever made them up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// The id in `text`, without white space around it.
    ///
    /// # Errors
    /// When `text` is empty, longer than 255 characters, or has a control character.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty(FIELD));
        }
        check_line(FIELD, text, MAX_CHARS)?;
        Ok(Self(text.to_owned()))
    }
}

text_newtype!(ExternalId, TextError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_id_as_the_caller_wrote_it() {
        for id in ["cus_A1b2", "7 8", "é".repeat(255).as_str()] {
            assert_eq!(ExternalId::parse(id).unwrap().as_str(), id);
        }
        assert_eq!(ExternalId::parse(" 7\n").unwrap().as_str(), "7");
    }

    #[test]
    fn refuses_what_is_empty_long_or_has_control_characters() {
        assert_eq!(ExternalId::parse(" "), Err(TextError::Empty(FIELD)));
        assert_eq!(ExternalId::parse(&"é".repeat(256)), Err(TextError::TooLong(FIELD, MAX_CHARS)));
        assert_eq!(ExternalId::parse("a\0"), Err(TextError::ControlCharacter(FIELD)));
        assert_eq!(ExternalId::parse("a\nb"), Err(TextError::ControlCharacter(FIELD)));
    }
}
