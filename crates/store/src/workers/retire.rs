//! A worker's orderly end.

use sqlx::PgConnection;

/// Records that `id` has drained and stopped.
pub async fn retire(conn: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.workers set stopped_at = clock_timestamp()
         where id = $1 and stopped_at is null",
        id,
    )
    .execute(conn)
    .await?;
    Ok(())
}
