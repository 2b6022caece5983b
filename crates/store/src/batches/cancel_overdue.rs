//! Ends a batch's time.

use domain::{BatchId, codes};
use sqlx::PgConnection;

/// `queued | running → cancelling` because the batch's deadline has passed; cancels what has not
/// been begun, and says how many items that were. Nothing happens when somebody was faster.
///
/// # Errors
/// When a statement fails.
pub async fn cancel_overdue(conn: &mut PgConnection, batch: BatchId) -> sqlx::Result<u64> {
    let code = codes::BATCH_DEADLINE;
    let ended = sqlx::query!(
        "update tenantry.batches
         set state = 'cancelling', cancel_requested_at = clock_timestamp(), cancel_code = $2,
             paused_at = null
         where id = $1 and finished_at is null and cancel_requested_at is null
           and state in ('queued', 'running') and deadline_at < clock_timestamp()",
        batch.get(),
        code.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(0);
    }
    let cancelled = sqlx::query_file_scalar!(
        "queries/items/cancel_waiting.sql",
        batch.get(),
        code.as_str(),
        "the batch's time was over before this tenant was begun",
    )
    .fetch_one(conn)
    .await?;
    Ok(crate::decode::count(cancelled))
}
