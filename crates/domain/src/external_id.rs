//! The caller's own id for a tenant.

use crate::text::text_newtype;
use crate::{Code, codes};

/// Longest external id, in characters.
const MAX_CHARS: usize = 255;

/// The text cannot be an external id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExternalIdError {
    /// There is nothing in it.
    #[error("external_id is empty")]
    Empty,
    /// It is longer than 255 characters.
    #[error("external_id is longer than {MAX_CHARS} characters")]
    TooLong,
    /// A control character is in it.
    #[error("external_id contains a control character")]
    ControlCharacter,
}

impl ExternalIdError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        codes::INVALID_EXTERNAL_ID
    }
}

/// The caller's own id for a tenant: 1–255 characters, no control characters. Opaque to us, so
/// letter case counts: `cus_A` and `cus_a` are two customers to whoever made them up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// The id in `text`, without white space around it.
    ///
    /// # Errors
    /// When `text` is empty, longer than 255 characters, or has a control character.
    pub fn parse(text: &str) -> Result<Self, ExternalIdError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ExternalIdError::Empty);
        }
        if text.chars().nth(MAX_CHARS).is_some() {
            return Err(ExternalIdError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(ExternalIdError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

text_newtype!(ExternalId, ExternalIdError);

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
        assert_eq!(ExternalId::parse(" "), Err(ExternalIdError::Empty));
        assert_eq!(ExternalId::parse(&"é".repeat(256)), Err(ExternalIdError::TooLong));
        assert_eq!(ExternalId::parse("a\0"), Err(ExternalIdError::ControlCharacter));
        assert_eq!(ExternalId::parse("a\nb"), Err(ExternalIdError::ControlCharacter));
    }
}
