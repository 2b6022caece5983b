//! Lets one worker at a time build or drop spares.

use sqlx::PgConnection;

/// The lock's two keys, in a class of its own.
const CLASS: i32 = 0x7E4C;
const KEY: i32 = 0;

/// Whether the caller's transaction may build or drop spares: one of all workers may, until its end.
/// Does not wait.
///
/// # Errors
/// When the statement fails.
pub async fn refill_lock(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1, $2) as "locked!""#, CLASS, KEY)
        .fetch_one(conn)
        .await
}
