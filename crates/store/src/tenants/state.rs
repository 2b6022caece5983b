//! Reads a tenant's state.

use domain::{TenantId, TenantState};
use sqlx::PgConnection;

/// The state of `tenant`, if there is such a tenant.
///
/// # Errors
/// When the statement fails.
pub async fn state(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<TenantState>> {
    let state =
        sqlx::query_scalar!("select state from tenantry.tenants where id = $1", tenant.get())
            .fetch_optional(conn)
            .await?;
    state.map(|s| s.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))).transpose()
}
