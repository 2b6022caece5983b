//! Cancels an operation; pauses and resumes one, or the whole queue.

use domain::{ItemError, Kind, OperationId, OperationState, codes};
use queue::Bell;
use serde_json::json;
use store::{
    Connections,
    audit::{self, By},
    items::{self, Waiters},
    operations, queue_state, rollouts,
};
use tracing::info;

use super::{
    ControlError, births,
    error::{begin, patiently},
    rollout::move_on,
    settle,
    settle::turn_back,
    wake::{locked, release_behind, wake},
};

/// Cancels what no worker has begun of `operation`; what is begun or built is undone by the workers.
/// Ends an operation of which nothing is left.
///
/// # Errors
/// When there is no such operation; when it is rolling back, or over.
pub async fn cancel(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
) -> Result<(), ControlError> {
    patiently(|| begin_cancel(pool, by, operation)).await?;
    release_behind(pool, operation).await?;
    // After the commit: a worker that ends the last item at this moment must see the cancelled ones.
    if settle(pool, operation).await?.is_some() {
        queue::ring(pool, Bell::Ends).await;
    }
    Ok(())
}

async fn begin_cancel(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
) -> Result<(), ControlError> {
    let mut tx = begin(pool, by).await?;
    let Some(asked) = operations::cancel(&mut tx, operation).await? else {
        return Err(match operations::lock(&mut tx, operation).await? {
            None => ControlError::NotFound(operation),
            Some(state) if state.is_final() => ControlError::Finished(operation, state),
            Some(state) => ControlError::Ending(operation, state),
        });
    };
    if operations::kind(&mut tx, operation).await?.is_some_and(Kind::interrupts) {
        return Err(ControlError::InEffect(operation));
    }
    rollouts::stop(&mut tx, operation).await?;
    births::take_back(&mut tx, by, operation).await?;
    let code = codes::CANCELLED;
    let message = "the operation was cancelled before this tenant was begun";
    let cancelled = items::cancel_waiting(&mut tx, operation, &code, message).await?;
    let message = "the operation was cancelled before all of its tenants were built";
    let reason = ItemError { retryable: true, ..ItemError::rejected(code, message) };
    // What is built has no worker that would see the request.
    let turned_back =
        if asked.all_or_nothing { turn_back(&mut tx, operation, &reason).await? } else { 0 };
    let woken =
        if asked.was_paused { wake(&mut tx, Waiters::Operation(operation)).await? } else { 0 };
    let detail = json!({ "cancelled_before_start": cancelled, "turned_back": turned_back });
    let entry = by.did("operation.cancelled");
    audit::append(&mut tx, audit::Entry { operation: Some(operation), detail, ..entry }).await?;
    tx.commit().await?;
    if turned_back + woken > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    info!(operation.id = %operation, cancelled, "operation {operation} is being cancelled");
    Ok(())
}

/// Workers begin nothing more of `operation`.
///
/// # Errors
/// When there is no such operation; when it is paused, ending or over.
pub async fn pause(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        let state = locked(&mut tx, operation).await?;
        if operations::kind(&mut tx, operation).await?.is_some_and(Kind::interrupts) {
            return Err(ControlError::InEffect(operation));
        }
        if !operations::pause(&mut tx, operation).await? {
            return Err(match state {
                state if state.is_final() => ControlError::Finished(operation, state),
                OperationState::Queued | OperationState::Running => ControlError::Paused(operation),
                ending => ControlError::Ending(operation, ending),
            });
        }
        let entry = by.did("operation.paused");
        audit::append(&mut tx, audit::Entry { operation: Some(operation), ..entry }).await?;
        tx.commit().await?;
        info!(operation.id = %operation, "operation {operation} is paused");
        Ok(())
    })
    .await
}

/// Lets a paused operation go on.
///
/// # Errors
/// When there is no such operation; when it is not paused, or over.
pub async fn resume(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        let state = locked(&mut tx, operation).await?;
        if !operations::resume(&mut tx, operation).await? {
            let waits = rollouts::lock(&mut tx, operation).await?;
            return Err(match waits {
                _ if state.is_final() => ControlError::Finished(operation, state),
                Some(rollout) if !rollout.reasons.is_empty() => {
                    ControlError::WaitsByItself(operation)
                }
                _ => ControlError::NotPaused(operation),
            });
        }
        let woken = wake(&mut tx, Waiters::Operation(operation)).await?;
        move_on(&mut tx, by, operation).await?;
        let (detail, entry) = (json!({ "woken": woken }), by.did("operation.resumed"));
        audit::append(&mut tx, audit::Entry { operation: Some(operation), detail, ..entry })
            .await?;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(operation.id = %operation, woken, "operation {operation} goes on");
        Ok(())
    })
    .await
}

/// Workers begin nothing more of any operation.
///
/// # Errors
/// When the queue is paused.
pub async fn pause_queue(pool: &Connections, by: By<'_>) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        if !queue_state::pause(&mut tx).await? {
            return Err(ControlError::QueuePaused);
        }
        audit::append(&mut tx, by.did("queue.paused")).await?;
        tx.commit().await?;
        info!("the queue is paused");
        Ok(())
    })
    .await
}

/// Lets every operation go on that is not paused itself.
///
/// # Errors
/// When the queue is not paused.
pub async fn resume_queue(pool: &Connections, by: By<'_>) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        if !queue_state::resume(&mut tx).await? {
            return Err(ControlError::QueueNotPaused);
        }
        let woken = wake(&mut tx, Waiters::Queue).await?;
        let (detail, entry) = (json!({ "woken": woken }), by.did("queue.resumed"));
        audit::append(&mut tx, audit::Entry { detail, ..entry }).await?;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(woken, "the queue goes on");
        Ok(())
    })
    .await
}
