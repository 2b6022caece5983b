//! Ends an all-or-nothing operation that was refused at submission.

use domain::{OperationId, OperationState, Progress};
use sqlx::PgConnection;

use crate::decode::column;

/// `queued → rolled_back` in the transaction that records the operation: item `culprit` cannot become
/// a tenant, so none of them will. Writes the totals and the one `operation.finished` event too.
pub async fn end_refused(
    conn: &mut PgConnection,
    operation: OperationId,
    culprit: u32,
    progress: Progress,
) -> sqlx::Result<()> {
    let state = OperationState::RolledBack;
    sqlx::query_file!(
        "queries/operations/end_refused.sql",
        operation.get(),
        i32::try_from(culprit).unwrap_or(i32::MAX),
        serde_json::json!({ "operation_id": operation, "state": state, "progress": progress }),
        column(progress.failed),
        column(progress.cancelled),
    )
    .execute(conn)
    .await?;
    Ok(())
}
