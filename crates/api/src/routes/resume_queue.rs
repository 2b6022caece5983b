//! `POST /queue/resume`: go on with everything.

use axum::{Json, extract::State};
use engine::control;

use crate::{
    auth::CanAdminister,
    context::Context,
    documented::Common,
    problem::{Problem, ProblemBody},
    queue_view::{self, QueueView},
};

/// Resume the queue
///
/// What waits is given to the workers again, at once; batches that are paused themselves stay so.
#[utoipa::path(
    post,
    path = "/queue/resume",
    tag = "queue",
    responses(
        (status = 200, description = "The queue, going on", body = QueueView),
        (status = 409, description = "It is not paused (`queue_not_paused`)", body = ProblemBody,
            content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn resume_queue(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
) -> Result<Json<QueueView>, Problem> {
    control::resume_queue(&cx.pool(), caller.by()).await?;
    queue_view::read(&cx).await
}
