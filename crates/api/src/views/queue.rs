//! The queue as callers see it.

use axum::Json;
use contract::{Queue, Worker};
use store::queue_state::{self, WorkerLine};

use crate::{context::Context, http::problem::Problem, views::waiting};

/// Waiting tenants are counted no further than this, so that a look stays cheap.
const MOST_COUNTED: i64 = 10_000;

/// The queue as it is now.
pub(crate) async fn read(cx: &Context) -> Result<Json<Queue>, Problem> {
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
