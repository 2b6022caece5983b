//! Why one item of a batch is not a tenant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, FieldError, codes};

/// Why one item of a batch is not a tenant (yet).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
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
}

impl From<Vec<FieldError>> for ItemError {
    /// The first error's code, and every error's message.
    fn from(errors: Vec<FieldError>) -> Self {
        let code = errors.first().map_or(codes::INTERNAL, |first| Code::new(first.code));
        let messages: Vec<_> = errors.into_iter().map(|error| error.message).collect();
        Self::rejected(code, messages.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_the_first_code_and_every_message() {
        let error = ItemError::from(vec![
            FieldError::new("/domain", &codes::INVALID_DOMAIN, "domain is empty"),
            FieldError::new("/x", &codes::UNKNOWN_FIELD, "x is not a field"),
        ]);

        assert_eq!(error.code, codes::INVALID_DOMAIN);
        assert_eq!(error.message, "domain is empty; x is not a field");
        assert!(!error.retryable);
    }
}
