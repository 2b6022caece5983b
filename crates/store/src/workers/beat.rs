//! A worker's heartbeat.

use sqlx::PgConnection;

/// Says that `id` lives. False when it was declared dead in the meantime: its items may be
/// others' by now, and it must go on under a new id.
pub async fn beat(conn: &mut PgConnection, id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.workers set seen_at = clock_timestamp()
         where id = $1 and stopped_at is null",
        id,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
