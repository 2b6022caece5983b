//! Lets a paused operation go on.

use domain::OperationId;
use sqlx::PgConnection;

/// Takes the pause back. The caller gives the items that wait new jobs in the same transaction:
/// a job that met the pause is used up. False when the operation is not paused, or over.
///
/// # Errors
/// When the row cannot be written.
pub async fn resume(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let resumed = sqlx::query!(
        "update tenantry.operations set paused_at = null
         where id = $1 and paused_at is not null and finished_at is null",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(resumed.rows_affected() == 1)
}
