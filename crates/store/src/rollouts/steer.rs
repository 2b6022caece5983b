//! What operators have done about a rollout.

use domain::{ItemState, OperationId, TenantId, codes};
use sqlx::PgConnection;

use crate::decode::decode;

/// From now on gates and bake times are passed over.
pub async fn promote_all(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.operations set promote_all = true where id = $1 and finished_at is null",
        operation.get(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// From now on the failures of the wave do not halt it.
pub async fn excuse(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.rollout_waves set promoted = true where operation_id = $1 and wave = $2",
        operation.get(),
        wave,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The rollout goes on from the first wave that has a planned item: those from there on wait for their turn
/// again. Its own reasons to wait are gone.
pub async fn rewind(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<()> {
    sqlx::query!(
        "with first as (
             select min(wave) as wave from tenantry.operation_items
             where operation_id = $1 and wave is not null and state = 'planned'
         ), waves as (
             update tenantry.rollout_waves w
             set state = 'waiting', promoted = false, ended_at = null, bake_until = null
             from first where w.operation_id = $1 and w.wave >= first.wave
               and w.state in ('running', 'baking', 'gated', 'halted', 'unclear', 'done', 'stopped')
         )
         update tenantry.operations o
         set wave = first.wave - 1, promote_all = false,
             paused_at = case when 'user' = any(o.pause_reasons) then o.paused_at end,
             pause_reasons = case when 'user' = any(o.pause_reasons) then '{user}' else '{}' end::text[]
         from first where o.id = $1 and first.wave is not null and o.finished_at is null",
        operation.get(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The operation ends: what waves are not over stop.
pub async fn stop(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.rollout_waves set state = 'stopped'
         where operation_id = $1
           and state in ('waiting', 'running', 'baking', 'gated', 'halted', 'unclear')",
        operation.get(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// `planned | queued | waiting | failed → cancelled`, with the reason: the item is left out. `Err` has
/// its state when that is another one; `None` when it is not there.
pub async fn skip(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
    reason: &str,
) -> sqlx::Result<Option<Result<Option<TenantId>, ItemState>>> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    let found = sqlx::query!(
        "select id, state, tenant_id from tenantry.operation_items
         where operation_id = $1 and idx = $2 for update",
        operation.get(),
        index,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(found) = found else { return Ok(None) };
    let code = codes::SKIPPED;
    let skipped = sqlx::query!(
        "update tenantry.operation_items
         set state = 'cancelled', finished_at = clock_timestamp(), next_attempt_at = null,
             error_code = $3, error_message = $2, error_step = null, error_retryable = false
         where id = $1 and state in ('planned', 'queued', 'waiting', 'failed')",
        found.id,
        reason,
        code.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(Some(match skipped.rows_affected() {
        1 => Ok(found.tenant_id.map(TenantId::new)),
        _ => Err(decode(&found.state)?),
    }))
}
