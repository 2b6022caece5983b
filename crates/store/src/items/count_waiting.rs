//! How much work there is.

use sqlx::PgConnection;

/// The number of items that wait for a worker; counts no further than `cap`.
///
/// # Errors
/// When the statement fails.
pub async fn count_waiting(conn: &mut PgConnection, cap: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar!(
        r#"select count(*)::int as "count!" from (
               select from tenantry.operation_items
               where state in ('queued', 'retrying', 'unwinding') limit $1) as waiting"#,
        i64::from(cap),
    )
    .fetch_one(conn)
    .await
}
