//! An item past the point of no return that cannot go on by itself.

use domain::{ItemError, ItemId, Kind, OperationId};
use sqlx::PgConnection;

use super::Claim;
use crate::decode::with_kind;

/// `running → stuck`, with the reason. False when the claim is no longer ours.
pub async fn stick(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = 'stuck', worker_id = null, finished_at = clock_timestamp(), error_code = $3,
             error_message = $4, error_step = $5, error_retryable = $6
         where id = $1 and attempt = $2 and state = 'running'",
        claim.item.get(),
        claim.attempt,
        reason.code.as_str(),
        &reason.told(),
        reason.step,
        reason.retryable,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `stuck → retrying` with no tries used: an operator saw to the cause. The caller gives the item a job in
/// the same transaction. `None` when the item is in another state, or not there.
pub async fn go_on(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<(ItemId, Kind)>> {
    let item = sqlx::query!(
        "update tenantry.operation_items i
         set state = 'retrying', tries = 0, finished_at = null, next_attempt_at = clock_timestamp()
         from tenantry.operations o
         where i.operation_id = $1 and o.id = $1 and i.idx = $2 and i.state = 'stuck'
         returning i.id, o.kind",
        operation.get(),
        i32::try_from(index).unwrap_or(i32::MAX),
    )
    .fetch_optional(conn)
    .await?;
    item.map(|item| with_kind(item.id, &item.kind)).transpose()
}
