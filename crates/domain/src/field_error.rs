//! What is wrong with one field of a request.

use serde::Serialize;

use crate::{Code, codes};

/// What is wrong with one field, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) from the item, like `/settings/features/0`; empty for the
    /// item itself.
    pub pointer: String,
    /// The stable code, one of [`codes::ALL`].
    pub code: &'static str,
    /// What is wrong, for people. Never repeats the caller's value.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, code: &Code, message: impl ToString) -> Self {
        let (pointer, message) = (pointer.into(), message.to_string());
        Self { pointer, code: code.as_static(), message }
    }

    /// A value of another JSON type than the field has; `kind` says which it should be.
    pub(crate) fn wrong_type(pointer: &str, kind: &str) -> Self {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        let field = if field.is_empty() { "a tenant" } else { &field };
        Self::new(pointer, &codes::INVALID_FIELD, format!("{field} must be {kind}"))
    }
}

/// Longest key that a pointer repeats whole, in characters.
const LONGEST_STEP: usize = 100;

/// `key` as one step of a JSON pointer. One that is longer than any field's name is cut off.
#[must_use]
pub fn pointer_step(key: &str) -> String {
    let mut step: String = key.chars().take(LONGEST_STEP).collect();
    if step.len() < key.len() {
        step.push('…');
    }
    step.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_keys_in_pointers() {
        assert_eq!(pointer_step("a/b~c"), "a~1b~0c");
        assert_eq!(pointer_step(&"é".repeat(100_000)), format!("{}…", "é".repeat(100)));
    }

    #[test]
    fn names_the_field_whose_type_is_wrong() {
        let deep = FieldError::wrong_type("/settings/limits", "an object");
        let whole = FieldError::wrong_type("", "an object");

        assert_eq!(deep.message, "settings.limits must be an object");
        assert_eq!(deep.code, "invalid_field");
        assert_eq!(whole.message, "a tenant must be an object");
    }
}
