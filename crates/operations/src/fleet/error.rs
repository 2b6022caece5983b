//! What stops the migration of one tenant.

use domain::{Code, codes};
use engine::Classify;
use store::tenants::UnreadableName;
use tenantdb::migrations::MigrateError;

/// Why a tenant's schema was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// Its row names no schema or no role.
    #[error("could not read its names")]
    Names(#[source] UnreadableName),
    /// No connection, or it broke before the work began.
    #[error("could not connect")]
    Connect(#[source] sqlx::Error),
    /// Another process holds the tenant's lock.
    #[error("could not lock the tenant")]
    Lock(#[source] sqlx::Error),
    /// A migration failed, or was edited after it had been applied.
    #[error("could not migrate the schema")]
    Migrate(#[source] MigrateError),
    /// The role could not be given its rights on new tables, or its search path.
    #[error("could not give the role its rights and its search path")]
    Grant(#[source] sqlx::Error),
    /// The registry could not be told.
    #[error("could not record the version")]
    Record(#[source] sqlx::Error),
    /// The tenant stopped being active meanwhile.
    #[error("the tenant is not active any more")]
    NotActive,
    /// The connection broke while it was committing: it may stand at either version.
    #[error("could not commit")]
    Commit(#[source] sqlx::Error),
}

impl FleetError {
    /// Its stable code; `None` where the registry is to blame or the tenant is gone.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Migrate(MigrateError::Unrecorded { .. }) => Some(codes::MIGRATIONS_UNRECORDED),
            Self::Migrate(e) => Some(e.database().map_or(codes::MIGRATION_FAILED, Classify::code)),
            Self::Connect(e) | Self::Lock(e) | Self::Grant(e) | Self::Record(e) => Some(e.code()),
            Self::Commit(e) => Some(e.code()),
            Self::NotActive | Self::Names(_) => None,
        }
    }

    /// What passes by itself: a lock that others held, a lost connection.
    pub(super) fn is_transient(&self) -> bool {
        let cause = match self {
            Self::Connect(e) | Self::Lock(e) | Self::Grant(e) | Self::Record(e) => Some(e),
            Self::Commit(e) => Some(e),
            Self::Migrate(e) => e.database(),
            Self::NotActive | Self::Names(_) => None,
        };
        cause.is_some_and(|e| store::classify(e).is_transient())
    }
}
