//! What is wrong with one field of a request, and with one item: the first mistakes, and how many more
//! there are.

use serde::Serialize;

use crate::{Code, ItemError, codes};

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

/// Most mistakes told of one item.
const MOST: usize = 20;

/// What is wrong with one item: its first 20 mistakes, and the number of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors {
    told: Vec<FieldError>,
    more: usize,
}

impl FieldErrors {
    /// One mistake more; `error` is made only if it is told.
    pub(crate) fn push(&mut self, error: impl FnOnce() -> FieldError) {
        if self.told.len() < MOST {
            self.told.push(error());
        } else {
            self.more += 1;
        }
    }

    /// The mistakes of `others` after these.
    pub(crate) fn append(&mut self, others: Self) {
        for error in others.told {
            self.push(|| error);
        }
        self.more += others.more;
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The first mistakes, at most 20.
    #[must_use]
    pub fn told(&self) -> &[FieldError] {
        &self.told
    }
}

impl From<FieldError> for FieldErrors {
    fn from(error: FieldError) -> Self {
        Self { told: vec![error], more: 0 }
    }
}

impl From<&FieldErrors> for ItemError {
    /// The first error's code, and each message once.
    fn from(errors: &FieldErrors) -> Self {
        let code = errors.told.first().map_or(codes::INTERNAL, |first| Code::new(first.code));
        let mut messages: Vec<&str> = Vec::new();
        for error in &errors.told {
            if !messages.contains(&error.message.as_str()) {
                messages.push(&error.message);
            }
        }
        let mut message = messages.join("; ");
        if errors.more > 0 {
            message.push_str(&format!("; and {} more mistakes", errors.more));
        }
        Self::rejected(code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn becomes_the_first_code_and_every_message_once() {
        let mut errors = FieldErrors::default();
        for (pointer, code, message) in [
            ("/domain", codes::INVALID_DOMAIN, "domain is empty"),
            ("/x", codes::UNKNOWN_FIELD, "there is no such field"),
            ("/y", codes::UNKNOWN_FIELD, "there is no such field"),
        ] {
            errors.push(|| FieldError::new(pointer, &code, message));
        }

        let error = ItemError::from(&errors);

        assert_eq!(error.code, codes::INVALID_DOMAIN);
        assert_eq!(error.message, "domain is empty; there is no such field");
        assert!(!error.retryable);
    }

    #[test]
    fn tells_twenty_mistakes_and_counts_the_rest() {
        let mut errors = FieldErrors::default();
        for n in 0..100_000 {
            let message = format!("mistake {}", n % 30);
            errors.push(|| FieldError::new("/x", &codes::UNKNOWN_FIELD, message));
        }

        let error = ItemError::from(&errors);

        assert_eq!(errors.told().len(), 20);
        assert!(error.message.ends_with("mistake 19; and 99980 more mistakes"), "{error}");
    }

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
