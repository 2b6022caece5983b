//! A stable name for a kind of failure.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes;

/// A stable name for a kind of failure, `snake_case`. Programs branch on it; a released one is
/// never renamed. All that we make are in [`codes`]; one read back from the database may be older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Code(Cow<'static, str>);

impl Code {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name, as it stands in JSON and in the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without an owner. Only for the constants of [`codes`], which all borrow theirs.
    pub(crate) fn as_static(&self) -> &'static str {
        match self.0 {
            Cow::Borrowed(name) => name,
            Cow::Owned(_) => codes::INTERNAL.as_static(),
        }
    }

    /// What the code says, for documentation; `None` when it is not one of [`codes::ALL`].
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        codes::ALL.iter().find(|(code, _)| code == self).map(|(_, meaning)| *meaning)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Code {
    fn from(name: String) -> Self {
        let known = codes::ALL.iter().find(|(code, _)| code.as_str() == name);
        known.map_or_else(|| Self(Cow::Owned(name)), |(code, _)| code.clone())
    }
}
