//! Declares silent workers dead.

use std::time::Duration;

use sqlx::PgConnection;

/// Marks every worker not seen for `dead_after` as stopped and returns them, each to one caller
/// only. Time is the database's.
pub async fn bury(conn: &mut PgConnection, dead_after: Duration) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "update tenantry.workers set stopped_at = clock_timestamp()
         where stopped_at is null
           and seen_at < clock_timestamp() - make_interval(secs => $1)
         returning id",
        dead_after.as_secs_f64(),
    )
    .fetch_all(conn)
    .await
}
