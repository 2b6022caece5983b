//! `POST /queue/pause`: hold everything.

use axum::{Json, extract::State};
use engine::control;

use crate::{
    auth::CanAdminister,
    context::Context,
    documented::Common,
    problem::{Problem, ProblemBody},
    queue_view::{self, QueueView},
};

/// Pause the queue
///
/// Workers start no more items of any batch until the queue is resumed; items in progress finish.
/// Batches can still be submitted. Their deadlines keep running.
#[utoipa::path(
    post,
    path = "/queue/pause",
    tag = "queue",
    responses(
        (status = 200, description = "The queue, paused", body = QueueView),
        (status = 409, description = "It is paused (`queue_paused`)", body = ProblemBody,
            content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn pause_queue(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
) -> Result<Json<QueueView>, Problem> {
    control::pause_queue(&cx.pool(), caller.by()).await?;
    queue_view::read(&cx).await
}
