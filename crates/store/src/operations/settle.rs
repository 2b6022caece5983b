//! Ends an operation when no item of it is open: one guarded UPDATE, exactly one winner.

use domain::{Mode, OperationId, OperationState, Progress};
use sqlx::PgConnection;

use crate::decode::{column, count};

/// Ends `operation` if it is open and none of its items is; the winner also writes its totals and the
/// one `operation.finished` event. `None` when there is nothing to end, or another
/// process ended it.
///
/// Must run after the commit that ended the operation's last item: two workers that end the last two
/// items at once would each still see the other's as open.
pub async fn settle(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<OperationState>> {
    let closed = sqlx::query_file!("queries/operations/closed.sql", operation.get())
        .fetch_optional(&mut *conn)
        .await?;
    let Some(closed) = closed else { return Ok(None) };
    let progress = Progress {
        total: count(i64::from(closed.total)),
        queued: 0,
        running: 0,
        retrying: 0,
        succeeded: count(closed.succeeded),
        failed: count(closed.failed),
        cancelled: count(closed.cancelled),
        rolled_back: count(closed.rolled_back),
    };
    let mode: Mode = closed.mode.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    let outcome = progress.outcome(mode, closed.cancel_requested);
    let won = sqlx::query_file!(
        "queries/operations/settle.sql",
        operation.get(),
        closed.run,
        outcome.as_str(),
        serde_json::json!({ "operation_id": operation, "state": outcome, "progress": progress }),
        column(progress.succeeded),
        column(progress.failed),
        column(progress.cancelled),
        column(progress.rolled_back),
        column(count(closed.ended_in_run)),
    )
    .fetch_optional(conn)
    .await?;
    Ok(won.map(|_| outcome))
}
