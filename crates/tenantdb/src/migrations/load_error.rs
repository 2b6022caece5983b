//! Why a migration file cannot be used.

use std::io;

/// A migration file that cannot be used: where, which rule, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {message} [{code}]{}", others(*more))]
pub struct LoadError {
    /// The file as it was given, or its folder.
    pub file: String,
    /// The line in the file, from 1.
    pub line: u32,
    /// Which rule was broken. Stable.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// How many more findings there are in the folder.
    pub more: usize,
    /// Why it could not be read, if that is the trouble.
    #[source]
    pub source: Option<io::Error>,
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => "; `tenantry migrate lint` shows one more finding".to_owned(),
        more => format!("; `tenantry migrate lint` shows {more} more findings"),
    }
}

impl LoadError {
    pub(super) fn new(file: &str, code: &'static str, message: impl Into<String>) -> Self {
        let (file, message) = (file.to_owned(), message.into());
        Self { file, line: 1, code, message, more: 0, source: None }
    }

    pub(super) fn at(self, line: u32) -> Self {
        Self { line, ..self }
    }

    pub(super) fn because(self, source: io::Error) -> Self {
        Self { source: Some(source), ..self }
    }
}
