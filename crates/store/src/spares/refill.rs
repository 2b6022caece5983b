//! Lets one worker at a time build or drop spares.

use sqlx::PgConnection;

/// Whether the caller's transaction may build or drop spares: it holds the lease until its end. Does
/// not wait for a worker that holds it.
pub async fn refill_lock(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let lease = sqlx::query_scalar!(
        "select name from tenantry.leases where name = 'spares' for update skip locked"
    )
    .fetch_optional(conn)
    .await?;
    Ok(lease.is_some())
}
