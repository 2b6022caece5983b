//! Whether a worker may have died.

use std::time::Duration;

use sqlx::PgConnection;

/// Whether any worker that has not signed off was last seen longer than `dead_after` ago.
///
/// # Errors
/// When the statement fails.
pub async fn any_silent(conn: &mut PgConnection, dead_after: Duration) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
               select from tenantry.workers
               where stopped_at is null
                 and seen_at < clock_timestamp() - make_interval(secs => $1)) as "any!""#,
        dead_after.as_secs_f64(),
    )
    .fetch_one(conn)
    .await
}
