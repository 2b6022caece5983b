//! Forgets keys whose time is over.

use sqlx::PgConnection;

use super::claim::KEPT_HOURS;

/// Forgets keys older than 24 hours, at most 10,000, and says how many.
///
/// # Errors
/// When the statement fails.
pub async fn forget_expired(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        "delete from tenantry.idempotency_keys where (caller, key) in (
             select caller, key from tenantry.idempotency_keys
             where created_at < now() - make_interval(hours => $1) limit 10000)",
        KEPT_HOURS,
    )
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
