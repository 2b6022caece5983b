//! Lets the whole queue go on.

use sqlx::PgConnection;

/// Takes the pause back. The caller gives the items that wait new jobs in the same transaction:
/// a job that met the pause is used up. False when the queue is not paused.
///
/// # Errors
/// When the row cannot be written.
pub async fn resume(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let resumed = sqlx::query!(
        "update tenantry.installation set paused_at = null where paused_at is not null",
    )
    .execute(conn)
    .await?;
    Ok(resumed.rows_affected() == 1)
}
