//! Says whether an operation is over.

use domain::OperationId;
use sqlx::PgConnection;

/// Whether the operation with this id is over; `None` when there is none.
///
/// # Errors
/// When the row cannot be read.
pub async fn is_finished(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"select finished_at is not null as "finished!" from tenantry.operations where id = $1"#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
}
