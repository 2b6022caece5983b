//! `POST /batches/{id}/pause`: hold a batch where it is.

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

/// Pause a batch
///
/// Workers start no more of its items until it is resumed; items in progress finish. The deadline keeps
/// running: a batch that is still paused then is cancelled. A batch with a later `run_at` does not start
/// while it is paused.
#[utoipa::path(
    post,
    path = "/batches/{id}/pause",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch, paused", body = BatchView),
        (status = 409, description = "It is paused (`batch_paused`), being stopped or \
            rolled back (`batch_ending`), or over (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn pause_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<BatchView>, Problem> {
    control::pause(&cx.pool(), caller.by(), id).await?;
    view(&cx, id).await
}
