//! Reserves the names of released tenants again.

use std::collections::HashSet;

use domain::TenantId;
use sqlx::PgConnection;

/// Brings back to `pending` those of `ids` whose names nobody else took, and says which.
///
/// Somebody who takes one of the names at this very moment makes it fail as a unique violation
/// (SQLSTATE 23505): the next try of the whole transaction sees them and leaves that one out.
pub async fn revive(conn: &mut PgConnection, ids: &[TenantId]) -> sqlx::Result<HashSet<TenantId>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let revived =
        sqlx::query_file_scalar!("queries/tenants/revive.sql", &ids).fetch_all(conn).await?;
    Ok(revived.into_iter().map(TenantId::new).collect())
}
