//! `/queue`: what waits, what runs, who works, and how all of it is held.

use axum::{Json, extract::State};
use contract::{Queue, Worker};
use engine::control;
use store::queue_state::{self, WorkerLine};

use super::acts::done;
use crate::{
    context::Context,
    http::{
        auth::{CanAdminister, CanView},
        openapi::{BadSubmission, Common, OnceHeader},
        problem::{Problem, ProblemBody},
    },
    submission::idempotency::Act,
    views::waiting,
};

/// Waiting tenants are counted no further than this, so that a look stays cheap.
const MOST_COUNTED: i64 = 10_000;

/// Show the queue
#[utoipa::path(
    get,
    path = "/queue",
    tag = "queue",
    responses(
        (status = 200, description = "The queue", body = Queue),
        Common,
    ),
)]
pub(crate) async fn get_queue(
    _: CanView,
    State(cx): State<Context>,
) -> Result<Json<Queue>, Problem> {
    read(&cx).await
}

/// Pause the queue
///
/// Workers start no more items of any batch until the queue is resumed; items in progress finish.
/// Batches can still be submitted. Their deadlines keep running.
#[utoipa::path(
    post,
    path = "/queue/pause",
    tag = "queue",
    params(OnceHeader),
    responses(
        (status = 200, description = "The queue, paused", body = Queue),
        BadSubmission,
        (status = 409, description = "It is paused (`queue_paused`)", body = ProblemBody,
            content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn pause_queue(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    once: Act,
) -> Result<Json<Queue>, Problem> {
    done(control::pause_queue(&cx.pool(), caller.by_once(&once)).await)?;
    read(&cx).await
}

/// Resume the queue
///
/// What waits is given to the workers again, at once; batches that are paused themselves stay so.
#[utoipa::path(
    post,
    path = "/queue/resume",
    tag = "queue",
    params(OnceHeader),
    responses(
        (status = 200, description = "The queue, going on", body = Queue),
        BadSubmission,
        (status = 409, description = "It is not paused (`queue_not_paused`)", body = ProblemBody,
            content_type = "application/problem+json"),
        Common,
    ),
)]
pub(crate) async fn resume_queue(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    once: Act,
) -> Result<Json<Queue>, Problem> {
    done(control::resume_queue(&cx.pool(), caller.by_once(&once)).await)?;
    read(&cx).await
}

async fn read(cx: &Context) -> Result<Json<Queue>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let queue = queue_state::read(&mut conn, MOST_COUNTED).await?;
    drop(conn);
    let waiting_for = match queue.waiting {
        0 => None,
        _ => waiting::for_a_worker(cx).await?,
    };
    Ok(Json(Queue {
        paused: queue.paused_at.is_some(),
        paused_at: queue.paused_at,
        waiting: queue.waiting,
        running: queue.running,
        waiting_for,
        workers: queue.workers.into_iter().map(worker).collect(),
    }))
}

fn worker(worker: WorkerLine) -> Worker {
    let WorkerLine { id, host, started_at, seen_at, busy } = worker;
    Worker { id, host, started_at, seen_at, busy }
}
