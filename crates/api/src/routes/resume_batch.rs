//! `POST /batches/{id}/resume`: go on with a paused batch.

use axum::{Json, extract::State};
use domain::OperationId;
use engine::control;

use super::get_batch::view;
use crate::{
    auth::CanOperate,
    batch_view::BatchView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::{Problem, ProblemBody},
};

/// Resume a batch
///
/// What waits is given to the workers again, at once.
#[utoipa::path(
    post,
    path = "/batches/{id}/resume",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch, going on", body = BatchView),
        (status = 409, description = "It is not paused (`batch_not_paused`), or over \
            (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resume_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<BatchView>, Problem> {
    control::resume(&cx.pool(), caller.by(), id).await?;
    view(&cx, id).await
}
