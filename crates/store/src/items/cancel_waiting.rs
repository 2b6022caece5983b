//! Cancels what an operation has not begun.

use domain::{OperationId, codes};
use sqlx::PgConnection;

/// `queued | retrying → cancelled` for every such item of `operation`, and gives their reserved names
/// back; says how many. Items in a worker's hands are left to it.
pub async fn cancel_waiting(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<u64> {
    let code = codes::CANCELLED;
    let cancelled = sqlx::query_file_scalar!(
        "queries/items/cancel_waiting.sql",
        operation.get(),
        code.as_str(),
        "the operation was cancelled before this tenant was begun",
    )
    .fetch_one(conn)
    .await?;
    Ok(crate::decode::count(cancelled))
}
