//! One thing that is wrong.

use std::{fmt, str::FromStr};

use domain::{ItemId, OperationId, TenantId};
use serde::Serialize;

use crate::Kind;

/// What is wrong, with what, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: Kind,
    pub subject: Subject,
    /// The whole of it in one sentence, without full stop.
    pub sentence: String,
    /// Whether [`fix`](crate::fix()) would repair this one.
    pub fixable: bool,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A tenant in the registry.
    Tenant(TenantId),
    /// An item of an operation.
    Item(ItemId),
    Operation(OperationId),
    /// A job of the queue.
    Job(String),
    /// An API key, by the id of its row.
    Key(i64),
    /// A master key, by its fingerprint.
    MasterKey(String),
    /// A schema of the database.
    Schema(String),
    /// A role of the cluster.
    Role(String),
    /// A tenant built in advance.
    Spare(TenantId),
    Database(String),
    /// Something that the control schema or the queue lacks.
    Control(String),
}

/// An id or a name as a check's statement gives it.
pub(crate) fn read<T>(id: &str) -> sqlx::Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    id.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

impl Subject {
    /// Its type and its id, as they are stored; JSON has the same.
    pub(crate) fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Tenant(id) => ("tenant", id.to_string()),
            Self::Item(id) => ("item", id.to_string()),
            Self::Operation(id) => ("operation", id.to_string()),
            Self::Job(id) => ("job", id.clone()),
            Self::Key(id) => ("key", id.to_string()),
            Self::MasterKey(id) => ("master_key", id.clone()),
            Self::Schema(name) => ("schema", name.clone()),
            Self::Role(name) => ("role", name.clone()),
            Self::Spare(id) => ("spare", id.to_string()),
            Self::Database(name) => ("database", name.clone()),
            Self::Control(what) => ("control", what.clone()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            ("control", what) => f.write_str(&what),
            (of, id) => write!(f, "{} {id}", of.replace('_', " ")),
        }
    }
}
