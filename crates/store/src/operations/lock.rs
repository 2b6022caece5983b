//! Holds an operation for a change.

use domain::{OperationId, OperationState};
use sqlx::PgConnection;

use crate::decode::decode;

/// The operation's state, which nobody else changes before this transaction ends.
///
/// # Errors
/// When the row cannot be locked.
pub async fn lock(
    conn: &mut PgConnection,
    id: OperationId,
) -> sqlx::Result<Option<OperationState>> {
    let state = sqlx::query_scalar!(
        "select state from tenantry.operations where id = $1 for update",
        id.get()
    )
    .fetch_optional(conn)
    .await?;
    state.as_deref().map(decode).transpose()
}
