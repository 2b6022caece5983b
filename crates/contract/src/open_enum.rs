//! A word that is known, or one that a newer server says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the values of `T`, or a word that this release does not know.
///
/// In JSON it is the bare word either way. A server writes values of `T` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OpenEnum<T> {
    /// A value of `T`.
    Known(T),
    /// Any other word.
    Other(String),
}

impl<T> From<T> for OpenEnum<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}

impl<T: PartialEq> PartialEq<T> for OpenEnum<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(known) if known == other)
    }
}

impl<T: fmt::Display> fmt::Display for OpenEnum<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => known.fmt(f),
            Self::Other(word) => word.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ItemState;

    use super::*;

    #[test]
    fn a_word_of_a_newer_server_is_kept_and_shown() {
        let read = |json: &str| serde_json::from_str::<OpenEnum<ItemState>>(json).unwrap();
        let (known, newer) = (read("\"queued\""), read("\"waiting_for_wave\""));

        assert_eq!(known, ItemState::Queued);
        assert_eq!(newer, OpenEnum::Other("waiting_for_wave".to_owned()));
        assert_eq!(newer.to_string(), "waiting_for_wave");
        for (word, json) in [(known, "\"queued\""), (newer, "\"waiting_for_wave\"")] {
            assert_eq!(serde_json::to_string(&word).unwrap(), json);
        }
    }
}
