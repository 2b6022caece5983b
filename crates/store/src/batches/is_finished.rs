//! Says whether a batch is over.

use domain::BatchId;
use sqlx::PgConnection;

/// Whether the batch with this id is over; `None` when there is none.
///
/// # Errors
/// When the row cannot be read.
pub async fn is_finished(conn: &mut PgConnection, id: BatchId) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"select finished_at is not null as "finished!" from tenantry.batches where id = $1"#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
}
