//! `POST /batches/{id}/cancel`: stop what has not begun.

use axum::{extract::State, response::Response};
use domain::OperationId;
use engine::control;

use super::submit_batch::accepted;
use crate::{
    auth::CanOperate,
    batch_view::BatchView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::{Problem, ProblemBody},
};

/// Cancel a batch
///
/// Tenants that no worker has begun are cancelled and give their names back; those in work are
/// stopped and undone at the next safe point, or end as they would have; of a batch that is all or
/// nothing, those that are built are undone too. It ends a pause. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/batches/{id}/cancel",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 202, description = "The batch, `cancelling` or over", body = BatchView),
        (status = 409, description = "It is over (`batch_finished`), or being \
            rolled back (`batch_ending`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn cancel_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Response, Problem> {
    control::cancel(&cx.pool(), caller.by(), id).await?;
    cx.counts().forget(id);
    accepted(&cx, id).await
}
