//! Asks for the end of an operation.

use domain::{ItemError, OperationId, codes};
use queue::Bell;
use serde_json::json;
use store::{
    Connections,
    audit::{self, By},
    items::{self, Waiters},
    operations,
};
use tracing::info;

use super::{ControlError, error::patiently, settle, settle::turn_back, wake::wake};

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
    patiently(|| once(pool, by, operation)).await?;
    // After the commit: a worker that ends the last item at this moment must see the cancelled ones.
    if settle(pool, operation).await?.is_some() {
        queue::ring(pool, Bell::Ends).await;
    }
    Ok(())
}

async fn once(pool: &Connections, by: By<'_>, operation: OperationId) -> Result<(), ControlError> {
    let mut tx = pool.begin().await?;
    let Some(asked) = operations::cancel(&mut tx, operation).await? else {
        return Err(match operations::lock(&mut tx, operation).await? {
            None => ControlError::NotFound(operation),
            Some(state) if state.is_final() => ControlError::Finished(operation, state),
            Some(state) => ControlError::Ending(operation, state),
        });
    };
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
