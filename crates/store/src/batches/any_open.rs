//! Whether there is anything to see to.

use sqlx::PgConnection;

/// Whether any batch is not over.
///
/// # Errors
/// When the statement fails.
pub async fn any_open(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from tenantry.batches where finished_at is null) as "any!""#
    )
    .fetch_one(conn)
    .await
}
