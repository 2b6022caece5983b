//! Ends an operation's time.

use domain::{OperationId, codes};
use sqlx::PgConnection;

/// `queued | running → cancelling` because the operation's deadline has passed; cancels what has not
/// been begun, and says how many items that were. Nothing happens when somebody was faster.
///
/// # Errors
/// When a statement fails.
pub async fn cancel_overdue(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<u64> {
    let code = codes::BATCH_DEADLINE;
    let ended = sqlx::query!(
        "update tenantry.operations
         set state = 'cancelling', cancel_requested_at = clock_timestamp(), cancel_code = $2,
             paused_at = null
         where id = $1 and finished_at is null and cancel_requested_at is null
           and state in ('queued', 'running') and deadline_at < clock_timestamp()",
        operation.get(),
        code.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(0);
    }
    let cancelled = sqlx::query_file_scalar!(
        "queries/items/cancel_waiting.sql",
        operation.get(),
        code.as_str(),
        "the operation's time was over before this tenant was begun",
    )
    .fetch_one(conn)
    .await?;
    Ok(crate::decode::count(cancelled))
}
