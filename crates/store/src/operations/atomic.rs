//! Operations that are all or nothing.

use domain::{Code, OperationId, OperationState, codes};
use sqlx::PgConnection;

/// An open all-or-nothing operation; its row is locked.
#[derive(Debug, Clone)]
pub struct Atomic {
    pub state: OperationState,
    /// Why it turns back, when it does.
    pub code: Option<Code>,
}

/// Locks `operation` if it is all or nothing and open; until the transaction ends nobody else
/// activates it, turns it back or cancels it.
pub async fn lock_atomic(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<Atomic>> {
    let row = sqlx::query!(
        "select state, cancel_code from tenantry.operations
         where id = $1 and mode = 'atomic' and finished_at is null for update",
        operation.get(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let state = row.state.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        Ok(Atomic { state, code: row.cancel_code.map(Code::from) })
    })
    .transpose()
}

/// `queued | running → rolling_back`, because the item at `culprit` failed; what has not been
/// begun is cancelled, and its names are free again. False when the operation is on its way out
/// already.
pub async fn begin_rollback(
    conn: &mut PgConnection,
    operation: OperationId,
    culprit: i32,
) -> sqlx::Result<bool> {
    let code = codes::BATCH_ROLLED_BACK;
    let turned = sqlx::query!(
        "update tenantry.operations
         set state = 'rolling_back', cancel_code = $2, culprit_idx = $3, paused_at = null
         where id = $1 and finished_at is null and state in ('queued', 'running')",
        operation.get(),
        code.as_str(),
        culprit,
    )
    .execute(&mut *conn)
    .await?;
    if turned.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query_file_scalar!(
        "queries/items/cancel_waiting.sql",
        operation.get(),
        code.as_str(),
        "the operation is all or nothing, and another of its tenants failed",
    )
    .fetch_one(conn)
    .await?;
    Ok(true)
}
