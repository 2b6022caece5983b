//! Why one item of a batch is not a tenant.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Code;

/// Longest message of an item's error, in bytes: a page lists a thousand of them.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// Why one item of a batch is not a tenant (yet).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ItemError {
    /// The stable code.
    pub code: Code,
    /// What happened, for people: no SQL, no host, no secret.
    pub message: String,
    /// The provisioning step it happened in; absent when none had begun.
    pub step: Option<String>,
    /// Whether trying again without a change may help.
    pub retryable: bool,
}

impl ItemError {
    /// A request that no retry can make right.
    #[must_use]
    pub fn rejected(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), step: None, retryable: false }
    }

    /// The message as it is recorded: what is over [`MAX_MESSAGE_BYTES`] is cut off.
    #[must_use]
    pub fn told(&self) -> Cow<'_, str> {
        const CUT: &str = "…";
        if self.message.len() <= MAX_MESSAGE_BYTES {
            return self.message.as_str().into();
        }
        let end = self.message.floor_char_boundary(MAX_MESSAGE_BYTES - CUT.len());
        format!("{}{CUT}", &self.message[..end]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn a_message_is_cut_between_characters() {
        let error = ItemError::rejected(codes::INTERNAL, "é".repeat(MAX_MESSAGE_BYTES));
        let short = ItemError::rejected(codes::INTERNAL, "why");

        assert!((MAX_MESSAGE_BYTES - 1..=MAX_MESSAGE_BYTES).contains(&error.told().len()));
        assert!(error.told().ends_with("é…") && error.told().starts_with("éé"));
        assert_eq!(short.told(), "why");
    }
}
