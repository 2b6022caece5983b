//! What operators do with a rollout: promote it, and leave tenants out.

use domain::{OperationId, PauseReason, WaveState};
use queue::Bell;
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    items::Waiters,
    operations,
    rollouts::{self, Rolling},
};
use tracing::info;

use super::{
    ControlError,
    error::{begin, patiently},
    rollout::{move_on, roll_on},
    settle,
    wake::wake,
};

/// Ends a wait of the rollout's own. At a gate or in a bake time, the next wave begins. A wave that halted or is
/// unclear goes on, and its failures no longer halt it. With `all`, later gates and bake times are skipped as well.
///
/// # Errors
/// When there is no such operation, it is no rollout, it is over or ending, or waits for nothing of its own.
pub async fn promote(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    all: bool,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        let rolling = rolling(&mut tx, operation).await?;
        let wave = rollouts::wave(&mut tx, operation, rolling.wave).await?;
        let was = wave.map(|wave| wave.state);
        match was {
            Some(WaveState::Baking | WaveState::Gated) => {
                rollouts::let_on(&mut tx, operation).await?;
                rollouts::set_state(&mut tx, operation, rolling.wave, WaveState::Done, None)
                    .await?;
            }
            Some(WaveState::Halted | WaveState::Unclear) => {
                rollouts::excuse(&mut tx, operation, rolling.wave).await?;
                rollouts::let_on(&mut tx, operation).await?;
                rollouts::set_state(&mut tx, operation, rolling.wave, WaveState::Running, None)
                    .await?;
            }
            _ if all => {}
            _ => return Err(ControlError::NothingToPromote(operation)),
        }
        if all {
            rollouts::promote_all(&mut tx, operation).await?;
        }
        let (detail, entry) =
            (json!({ "wave": rolling.wave, "from": was, "all": all }), by.did("rollout.promoted"));
        audit::append(&mut tx, audit::Entry { operation: Some(operation), detail, ..entry })
            .await?;
        // What was lined up before it halted may have lost its jobs.
        wake(&mut tx, Waiters::Operation(operation)).await?;
        move_on(&mut tx, by, operation).await?;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(operation.id = %operation, all, "rollout {operation} is promoted");
        Ok(())
    })
    .await
}

/// Leaves an item of a rollout out, for `reason`: one that no worker has begun, or that failed.
///
/// # Errors
/// When there is no such operation or item, it is no rollout, it is over or ending, or the item is in work or
/// done.
pub async fn skip(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    index: u32,
    reason: &str,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        rolling(&mut tx, operation).await?;
        let tenant = match rollouts::skip(&mut tx, operation, index, reason).await? {
            None => return Err(ControlError::ItemNotFound(operation, index)),
            Some(Err(state)) => return Err(ControlError::NotSkippable(index, state)),
            Some(Ok(tenant)) => tenant,
        };
        let (detail, entry) = (json!({ "index": index }), by.did("item.skipped"));
        let personal = match tenant {
            Some(_) => json!({ "reason": reason }),
            None => Value::Null,
        };
        let entry = audit::Entry { operation: Some(operation), tenant, detail, personal, ..entry };
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        info!(operation.id = %operation, item.index = index, "item {index} of {operation} is skipped");
        Ok(())
    })
    .await?;
    roll_on(pool, By { once: None, ..by }, operation).await?;
    if settle(pool, operation).await?.is_some() {
        queue::ring(pool, Bell::Ends).await;
    }
    Ok(())
}

/// The rollout, locked; or why it cannot be steered.
async fn rolling(conn: &mut PgConnection, operation: OperationId) -> Result<Rolling, ControlError> {
    if let Some(rolling) = rollouts::lock(conn, operation).await? {
        return Ok(rolling);
    }
    let state = operations::lock(conn, operation).await?;
    Err(match state {
        None => ControlError::NotFound(operation),
        Some(state) if state.is_final() => ControlError::Finished(operation, state),
        Some(domain::OperationState::Queued | domain::OperationState::Running) => {
            ControlError::NoRollout(operation)
        }
        Some(state) => ControlError::Ending(operation, state),
    })
}

/// Whether a retry may begin although the operation is open: it waits for somebody who has mended it.
pub(super) async fn is_halted(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<bool> {
    let rolling = rollouts::lock(conn, operation).await?;
    let halts = |reason: &PauseReason| matches!(reason, PauseReason::Halt | PauseReason::Unclear);
    Ok(rolling.is_some_and(|rolling| rolling.reasons.iter().any(halts)))
}
