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

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(id) => write!(f, "tenant {id}"),
            Self::Item(id) => write!(f, "item {id}"),
            Self::Operation(id) => write!(f, "operation {id}"),
            Self::Job(id) => write!(f, "job {id}"),
            Self::Key(id) => write!(f, "key {id}"),
            Self::MasterKey(id) => write!(f, "master key {id}"),
            Self::Schema(name) => write!(f, "schema {name}"),
            Self::Role(name) => write!(f, "role {name}"),
            Self::Spare(id) => write!(f, "spare {id}"),
            Self::Database(name) => write!(f, "database {name}"),
            Self::Control(what) => f.write_str(what),
        }
    }
}
