//! Pauses and resumes an operation.

use domain::OperationId;
use sqlx::PgConnection;

/// Pauses an operation that is `queued` or `running`: workers claim nothing more of it. What they have
/// begun goes on, and so does its deadline. False when it is paused, ending or over.
pub async fn pause(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        "update tenantry.operations set paused_at = clock_timestamp()
         where id = $1 and paused_at is null and finished_at is null
           and state in ('queued', 'running')",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(paused.rows_affected() == 1)
}

/// Takes the pause back. The caller gives the items that wait new jobs in the same transaction:
/// a job that met the pause is used up. False when the operation is not paused, or over.
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
