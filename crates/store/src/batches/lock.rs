//! Holds a batch for a change.

use domain::{BatchId, BatchState};
use sqlx::PgConnection;

use crate::decode::decode;

/// The batch's state, which nobody else changes before this transaction ends.
///
/// # Errors
/// When the row cannot be locked.
pub async fn lock(conn: &mut PgConnection, id: BatchId) -> sqlx::Result<Option<BatchState>> {
    let state = sqlx::query_scalar!(
        "select state from tenantry.batches where id = $1 for update",
        id.get()
    )
    .fetch_optional(conn)
    .await?;
    state.as_deref().map(decode).transpose()
}
