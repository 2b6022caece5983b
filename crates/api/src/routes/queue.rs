//! `/queue`: what waits, what runs, who works, and how all of it is held.

use axum::{Json, extract::State};
use engine::control;

use crate::{
    context::Context,
    http::{
        auth::{CanAdminister, CanView},
        documented::Common,
        problem::{Problem, ProblemBody},
    },
    views::queue,
};

/// Show the queue
#[utoipa::path(
    get,
    path = "/queue",
    tag = "queue",
    responses(
        (status = 200, description = "The queue", body = contract::Queue),
        Common,
    ),
)]
pub(crate) async fn get_queue(
    _: CanView,
    State(cx): State<Context>,
) -> Result<Json<contract::Queue>, Problem> {
    queue::read(&cx).await
}

/// Pause the queue
///
/// Workers start no more items of any batch until the queue is resumed; items in progress finish.
/// Batches can still be submitted. Their deadlines keep running.
#[utoipa::path(
    post,
    path = "/queue/pause",
    tag = "queue",
    responses(
        (status = 200, description = "The queue, paused", body = contract::Queue),
        (status = 409, description = "It is paused (`queue_paused`)", body = ProblemBody,
            content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn pause_queue(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
) -> Result<Json<contract::Queue>, Problem> {
    control::pause_queue(&cx.pool(), caller.by()).await?;
    queue::read(&cx).await
}

/// Resume the queue
///
/// What waits is given to the workers again, at once; batches that are paused themselves stay so.
#[utoipa::path(
    post,
    path = "/queue/resume",
    tag = "queue",
    responses(
        (status = 200, description = "The queue, going on", body = contract::Queue),
        (status = 409, description = "It is not paused (`queue_not_paused`)", body = ProblemBody,
            content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn resume_queue(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
) -> Result<Json<contract::Queue>, Problem> {
    control::resume_queue(&cx.pool(), caller.by()).await?;
    queue::read(&cx).await
}
