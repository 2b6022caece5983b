//! What operators do to work under way, each in one transaction that is tried again when it meets
//! a worker's over the same rows.

use std::time::Duration;

use domain::{ItemError, OperationId, OperationState, codes};
use queue::{Bell, JobId};
use serde_json::json;
use sqlx::PgConnection;
use store::{
    audit,
    items::{self, Waiters},
    operations, queue_state,
};
use tracing::info;

use crate::{
    auth::Caller,
    context::Context,
    problem::Problem,
    submit::TRIES,
    wake::{PAGE, wake},
};

/// Runs `act` again, a few times, when it meets another transaction.
///
/// # Errors
/// What the last try says.
pub(crate) async fn patiently<T, F>(mut act: impl FnMut() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let mut tries = 1;
    loop {
        match act().await {
            Err(problem) if problem.is_collision() && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

/// Asks for the end of a batch.
///
/// # Errors
/// 404 when there is no such batch; 409 when it is over.
pub(crate) async fn cancel(cx: &Context, caller: &Caller, id: OperationId) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    let Some(asked) = operations::cancel(&mut tx, id).await? else {
        return Err(match operations::lock(&mut tx, id).await? {
            None => Problem::batch_not_found(id),
            Some(state) if state.is_final() => Problem::batch_finished(id, state),
            Some(state) => Problem::batch_ending(id, state),
        });
    };
    let cancelled = items::cancel_waiting(&mut tx, id).await?;
    let turned_back = if asked.all_or_nothing { turn_back_built(&mut tx, id).await? } else { 0 };
    let woken = if asked.was_paused { wake(&mut tx, Waiters::Operation(id)).await? } else { 0 };
    let detail = json!({ "cancelled_before_start": cancelled, "turned_back": turned_back });
    let entry = caller.did("operation.cancelled");
    audit::append(&mut tx, audit::Entry { operation: Some(id), detail, ..entry }).await?;
    tx.commit().await?;
    if turned_back + woken > 0 {
        cx.ring(Bell::Jobs).await;
    }
    cx.counts().forget(id);
    info!(operation.id = %id, cancelled, "batch {id} is being cancelled");
    Ok(())
}

/// What is built and not yet visible has no worker that would see the request.
async fn turn_back_built(conn: &mut PgConnection, batch: OperationId) -> Result<u64, Problem> {
    let message = "the batch was cancelled before all of its tenants were built";
    let reason = ItemError { retryable: true, ..ItemError::rejected(codes::CANCELLED, message) };
    let mut turned = 0;
    loop {
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let minted: Vec<String> = (0..page).map(|_| JobId::mint().to_string()).collect();
        let items = items::turn_built_back(conn, batch, &reason, &minted).await?;
        let jobs = queue::jobs_of(items)?;
        queue::enqueue(conn, &jobs, Duration::ZERO).await?;
        turned += jobs.len() as u64;
        if jobs.len() < page {
            return Ok(turned);
        }
    }
}

/// Holds a batch where it is.
///
/// # Errors
/// 404 when there is no such batch; 409 when it is paused, ending or over.
pub(crate) async fn pause(cx: &Context, caller: &Caller, id: OperationId) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    let state = operations::lock(&mut tx, id).await?.ok_or_else(|| Problem::batch_not_found(id))?;
    if !operations::pause(&mut tx, id).await? {
        return Err(match state {
            state if state.is_final() => Problem::batch_finished(id, state),
            OperationState::Queued | OperationState::Running => Problem::batch_paused(id),
            ending => Problem::batch_ending(id, ending),
        });
    }
    let entry = caller.did("operation.paused");
    audit::append(&mut tx, audit::Entry { operation: Some(id), ..entry }).await?;
    tx.commit().await?;
    info!(operation.id = %id, "batch {id} is paused");
    Ok(())
}

/// Lets a paused batch go on.
///
/// # Errors
/// 404 when there is no such batch; 409 when it is not paused, or over.
pub(crate) async fn resume(cx: &Context, caller: &Caller, id: OperationId) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    let state = operations::lock(&mut tx, id).await?.ok_or_else(|| Problem::batch_not_found(id))?;
    if !operations::resume(&mut tx, id).await? {
        return Err(match state.is_final() {
            true => Problem::batch_finished(id, state),
            false => Problem::batch_not_paused(id),
        });
    }
    let woken = wake(&mut tx, Waiters::Operation(id)).await?;
    let (detail, entry) = (json!({ "woken": woken }), caller.did("operation.resumed"));
    audit::append(&mut tx, audit::Entry { operation: Some(id), detail, ..entry }).await?;
    tx.commit().await?;
    cx.ring(Bell::Jobs).await;
    info!(operation.id = %id, woken, "batch {id} goes on");
    Ok(())
}

/// Holds every batch where it is.
///
/// # Errors
/// 409 when the queue is paused.
pub(crate) async fn pause_queue(cx: &Context, caller: &Caller) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    if !queue_state::pause(&mut tx).await? {
        return Err(Problem::queue_paused());
    }
    audit::append(&mut tx, caller.did("queue.paused")).await?;
    tx.commit().await?;
    info!("the queue is paused");
    Ok(())
}

/// Lets every batch go on that is not paused itself.
///
/// # Errors
/// 409 when the queue is not paused.
pub(crate) async fn resume_queue(cx: &Context, caller: &Caller) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    if !queue_state::resume(&mut tx).await? {
        return Err(Problem::queue_not_paused());
    }
    let woken = wake(&mut tx, Waiters::Queue).await?;
    let (detail, entry) = (json!({ "woken": woken }), caller.did("queue.resumed"));
    audit::append(&mut tx, audit::Entry { detail, ..entry }).await?;
    tx.commit().await?;
    cx.ring(Bell::Jobs).await;
    info!(woken, "the queue goes on");
    Ok(())
}
