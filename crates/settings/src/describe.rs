//! What is in force and where it came from, with secrets blotted out.

use std::fmt;

use serde::{Serialize, Serializer};
use toml::Value;

use crate::catalogue::{Key, Kind};

/// One key as it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// `section.key`, for a map's entry `section.key.entry`.
    pub key: String,
    /// The value as a file or variable would give it; `***` for a secret; none if unset.
    pub value: Option<String>,
    pub source: Source,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(String),
    Environment(String),
    /// Nowhere: the key has no default.
    Unset,
}

impl Source {
    /// The name the author of `path`'s value wrote it under.
    pub(crate) fn place(&self, path: &str) -> String {
        match self {
            Self::File(name) => format!("{name}:{path}"),
            Self::Environment(name) => name.clone(),
            Self::Unset => path.to_owned(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Effective {
    pub(crate) fn new(key: &Key, path: &str, found: Option<&(Value, Source)>) -> Self {
        let is_secret = matches!(key.kind, Kind::Secret(_));
        let shown = |value| if is_secret { "***".to_owned() } else { plain(value) };
        let (value, source) = found.map(|(value, source)| (shown(value), source.clone())).unzip();
        Self { key: path.to_owned(), value, source: source.unwrap_or(Source::Unset) }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
