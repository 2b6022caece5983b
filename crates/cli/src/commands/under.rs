//! The two names under which the API has an operation.

use super::API;

/// Where an operation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    /// Of kind `provision` alone.
    Batches,
    /// Any kind.
    Operations,
}

impl Under {
    /// What one is called, in commands and sentences.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Batches => "batch",
            Self::Operations => "operation",
        }
    }

    /// The list of them.
    pub(super) fn list(self) -> String {
        match self {
            Self::Batches => format!("{API}/batches"),
            Self::Operations => format!("{API}/operations"),
        }
    }

    /// The one with this id.
    pub(super) fn one(self, id: &str) -> String {
        format!("{}/{id}", self.list())
    }

    /// The command that lists what became of its tenants.
    pub(super) fn items_word(self) -> &'static str {
        match self {
            Self::Batches => "results",
            Self::Operations => "items",
        }
    }

    /// What became of its tenants.
    pub(super) fn items(self, id: &str) -> String {
        format!("{}/{}", self.one(id), self.items_word())
    }
}
