//! `POST /batches/{id}/cancel`: stop what has not begun.

use axum::{extract::State, response::Response};
use domain::BatchId;
use serde_json::json;
use store::{audit, batches, items};
use tracing::info;

use super::submit_batch::accepted;
use crate::{
    auth::{Caller, CanOperate},
    batch_view::BatchView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::{Problem, ProblemBody},
    submit::TRIES,
};

/// Cancel a batch
///
/// Tenants that no worker has begun are cancelled and give their names back; those in work are
/// stopped and undone at the next safe point, or end as they would have. Asking again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/batches/{id}/cancel",
    tag = "batches",
    params(("id" = BatchId, Path, description = "The batch")),
    responses(
        (status = 202, description = "The batch, `cancelling` or over", body = BatchView),
        (status = 409, description = "It is over (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn cancel_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<BatchId>,
) -> Result<Response, Problem> {
    let mut tries = 1;
    loop {
        match cancel(&cx, &caller, id).await {
            // It met a worker that claims one of the items.
            Err(problem) if problem.is_collision() && tries < TRIES => tries += 1,
            done => break done?,
        }
    }
    // After the commit: a worker that ends the last item at this moment must see the cancelled ones.
    let mut tx = cx.pool().begin().await?;
    batches::settle(&mut tx, id).await?;
    tx.commit().await?;
    accepted(&cx, id).await
}

async fn cancel(cx: &Context, caller: &Caller, id: BatchId) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    if !batches::cancel(&mut tx, id).await? {
        return Err(match batches::is_finished(&mut tx, id).await? {
            None => Problem::batch_not_found(id),
            Some(_) => Problem::batch_finished(id),
        });
    }
    let cancelled = items::cancel_waiting(&mut tx, id).await?;
    let detail = json!({ "cancelled_before_start": cancelled });
    let entry = caller.did("batch.cancelled");
    audit::append(&mut tx, audit::Entry { batch: Some(id), detail, ..entry }).await?;
    tx.commit().await?;
    info!(batch.id = %id, cancelled, "batch {id} is being cancelled");
    Ok(())
}
