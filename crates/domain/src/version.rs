//! The version of a tenant migration.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest version, in characters: it has to fit into a line that people read.
pub const MAX_VERSION_CHARACTERS: usize = 100;

/// A migration's version, as its file spells it: `0001`, `20250102_000001`, `1.2`, `add_users`.
///
/// Two versions are equal when their numbers are: `0001` is `1`. Which of two is newer is no
/// property of theirs: that is their place in the set of migrations, so there is no `Ord`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(Box<str>);

impl Version {
    /// The version with this spelling.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// As the file spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for all spellings of one version.
    pub fn key(&self) -> Cow<'_, str> {
        if is_numeric(&self.0) { without_zeros(&self.0).into() } else { Cow::Borrowed(&self.0) }
    }

    /// The version as one whole number, where it is one.
    pub fn number(&self) -> Option<i64> {
        // `parse` alone would take a sign
        self.0.bytes().all(|b| b.is_ascii_digit()).then(|| self.0.parse().ok()).flatten()
    }

    /// An order for showing versions where no set says their places: numbers as numbers, before
    /// other texts.
    pub fn compare_for_display(&self, other: &Self) -> Ordering {
        match (is_numeric(&self.0), is_numeric(&other.0)) {
            (true, true) => numbers(&self.key()).cmp(numbers(&other.key())),
            (numeric, other_is) if numeric != other_is => other_is.cmp(&numeric),
            _ => self.0.cmp(&other.0),
        }
    }
}

/// Numbers of any length, joined by `.` or `_`.
fn is_numeric(text: &str) -> bool {
    text.split(['.', '_']).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The parts with what joins them, without leading zeros: of zero nothing is left.
fn short_parts(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '_']).map(|part| part.trim_start_matches('0'))
}

fn without_zeros(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for short in short_parts(text) {
        if !short.starts_with(|c: char| c.is_ascii_digit()) {
            key.push('0');
        }
        key.push_str(short);
    }
    key
}

/// The parts of a key: without leading zeros the longer one is the larger one.
fn numbers(key: &str) -> impl Iterator<Item = (usize, &str)> {
    key.split(['.', '_']).map(|part| (part.len(), part))
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        // without a copy of either: a schema's versions are held against all of a set
        self.0 == other.0
            || is_numeric(&self.0)
                && is_numeric(&other.0)
                && short_parts(&self.0).eq(short_parts(&other.0))
    }
}

impl Eq for Version {}

impl std::hash::Hash for Version {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq<str> for Version {
    fn eq(&self, other: &str) -> bool {
        *self == Self::new(other)
    }
}

impl PartialEq<&str> for Version {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::new(text)
    }

    #[test]
    fn versions_are_equal_when_their_numbers_are() {
        for (one, other) in [
            ("0001", "1"),
            ("20250102_000001", "20250102_1"),
            ("01.002", "1.2"),
            ("000", "0"),
            ("add_users", "add_users"),
        ] {
            assert_eq!(version(one), version(other));
        }
    }

    #[test]
    fn versions_with_other_numbers_or_other_words_are_not_equal() {
        for (one, other) in
            [("1", "10"), ("1", "1.0"), ("20250102_000001", "20250102000001"), ("a_01", "a_1")]
        {
            assert_ne!(version(one), version(other));
        }
    }

    #[test]
    fn a_version_is_shown_as_it_is_spelled() {
        assert_eq!(version("0001").to_string(), "0001");
        assert_eq!(serde_json::to_value(version("007")).unwrap(), "007");
    }

    #[test]
    fn only_plain_digits_are_a_number() {
        assert_eq!(version("0012").number(), Some(12));
        for text in ["20250102_000001", "1.2", "+1", "-1", "", "99999999999999999999"] {
            assert_eq!(version(text).number(), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_shown_in_the_order_of_numbers() {
        let mut versions = ["b", "10", "9", "1.10", "1.9", "a"].map(version);

        versions.sort_by(Version::compare_for_display);

        let shown: Vec<_> = versions.iter().map(Version::as_str).collect();
        assert_eq!(shown, ["1.9", "1.10", "9", "10", "a", "b"]);
    }
}
