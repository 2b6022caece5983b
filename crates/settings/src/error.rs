//! What is wrong with the configuration, under the names its author wrote.

use std::fmt;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Values, keys or files are wrong: all that are, at once.
    #[error("{}", listing(.0))]
    Invalid(Vec<Problem>),
    /// A value without a default is needed now and nobody gave one.
    #[error("{key} is not set ({hint})")]
    Missing { key: &'static str, hint: &'static str },
    /// The file of the database's URL cannot be used.
    #[error("could not read the database's URL from {path} (DATABASE_URL_FILE): {reason}")]
    UrlFile {
        path: String,
        /// What is wrong with it; not what is in it.
        reason: String,
    },
}

impl SettingsError {
    /// Every problem found; empty for the other errors.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(problems) => problems,
            Self::Missing { .. } | Self::UrlFile { .. } => &[],
        }
    }
}

/// One thing that is wrong. Never holds a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The name as it was written: a variable, or `file:section.key`.
    pub key: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

fn listing(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        1 => "the configuration has a problem:".to_owned(),
        n => format!("the configuration has {n} problems:"),
    };
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(&problem.to_string());
    }
    text
}
