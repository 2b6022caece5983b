//! Pauses the whole queue.

use sqlx::PgConnection;

/// Workers claim nothing any more; what they have begun goes on. False when it is paused already.
///
/// # Errors
/// When the row cannot be written.
pub async fn pause(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        "update tenantry.installation set paused_at = clock_timestamp() where paused_at is null",
    )
    .execute(conn)
    .await?;
    Ok(paused.rows_affected() == 1)
}
