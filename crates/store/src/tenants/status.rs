//! Reads how a tenant is.

use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState};
use sqlx::PgConnection;

use crate::decode::decode;

/// A tenant's state and when it was last heard of.
#[derive(Debug, Clone)]
pub struct TenantStatus {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: TenantState,
    /// Whether a schema and a role of its names exist.
    pub is_there: bool,
    /// The newest tenant migration it has.
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    /// Whether it lacks a migration of the set that workers learnt last, whatever its place there.
    pub is_behind: bool,
    /// When one of its keys was last used, or its role last got a password.
    pub last_activity: Option<DateTime<Utc>>,
}

/// How the tenant with this id is.
///
/// # Errors
/// When the row cannot be read.
pub async fn status(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<TenantStatus>> {
    let row =
        sqlx::query_file!("queries/tenants/status.sql", id.get()).fetch_optional(conn).await?;
    row.map(|r| {
        Ok(TenantStatus {
            name: r.name,
            state: decode(&r.state)?,
            is_there: r.is_there,
            migration_version: r.migration_version,
            created_at: r.created_at,
            is_behind: r.is_behind,
            last_activity: r.last_activity,
        })
    })
    .transpose()
}
