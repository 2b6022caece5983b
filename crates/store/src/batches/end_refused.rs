//! Ends an all-or-nothing batch that was refused at submission.

use domain::{BatchId, BatchState, Progress};
use sqlx::PgConnection;

use crate::decode::column;

/// `queued → rolled_back` in the transaction that records the batch: item `culprit` cannot become
/// a tenant, so none of them will. Writes the totals and the one `batch.finished` event too.
///
/// # Errors
/// When the rows cannot be written.
pub async fn end_refused(
    conn: &mut PgConnection,
    batch: BatchId,
    culprit: u32,
    progress: Progress,
) -> sqlx::Result<()> {
    let state = BatchState::RolledBack;
    sqlx::query_file!(
        "queries/batches/end_refused.sql",
        batch.get(),
        i32::try_from(culprit).unwrap_or(i32::MAX),
        serde_json::json!({ "batch_id": batch, "state": state, "progress": progress }),
        column(progress.failed),
        column(progress.cancelled),
    )
    .execute(conn)
    .await?;
    Ok(())
}
