//! Pauses and resumes the whole queue.

use sqlx::PgConnection;

/// Workers claim nothing any more; what they have begun goes on. False when it is paused already.
pub async fn pause(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        "update tenantry.installation set paused_at = clock_timestamp() where paused_at is null",
    )
    .execute(conn)
    .await?;
    Ok(paused.rows_affected() == 1)
}

/// Takes the pause back. The caller gives the items that wait new jobs in the same transaction:
/// a job that met the pause is used up. False when the queue is not paused.
pub async fn resume(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let resumed = sqlx::query!(
        "update tenantry.installation set paused_at = null where paused_at is not null",
    )
    .execute(conn)
    .await?;
    Ok(resumed.rows_affected() == 1)
}
