//! The queue as callers see it.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use store::queue_state::{self, QueueState, WorkerLine};
use utoipa::ToSchema;

use crate::{
    context::Context,
    problem::Problem,
    waiting::{self, WaitingView},
};

/// Waiting tenants are counted no further than this, so that a look stays cheap.
const MOST_COUNTED: i64 = 10_000;

/// The queue as a whole.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueView {
    /// Whether workers begin nothing.
    paused: bool,
    /// Since when.
    paused_at: Option<DateTime<Utc>>,
    /// Tenants that wait for a worker, those of paused and of later batches too; 10000 stands for
    /// that many or more.
    waiting: u64,
    /// Tenants in the hands of workers.
    running: u64,
    /// Why nothing that waits is begun; null when it is, or nothing waits.
    waiting_for: Option<WaitingView>,
    /// The workers that have not signed off, oldest first.
    workers: Vec<WorkerView>,
}

/// One worker process.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub(crate) struct WorkerView {
    /// Its id, fresh at every start.
    id: String,
    /// The machine it runs on.
    host: String,
    /// When it started.
    started_at: DateTime<Utc>,
    /// When it was last heard of.
    seen_at: DateTime<Utc>,
    /// Tenants in its hands.
    busy: u64,
}

impl From<QueueState> for QueueView {
    fn from(state: QueueState) -> Self {
        Self {
            paused: state.paused_at.is_some(),
            paused_at: state.paused_at,
            waiting: state.waiting,
            running: state.running,
            waiting_for: None,
            workers: state.workers.into_iter().map(WorkerView::from).collect(),
        }
    }
}

impl From<WorkerLine> for WorkerView {
    fn from(worker: WorkerLine) -> Self {
        let WorkerLine { id, host, started_at, seen_at, busy } = worker;
        Self { id, host, started_at, seen_at, busy }
    }
}

/// The queue as it is now.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn read(cx: &Context) -> Result<Json<QueueView>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let mut queue = QueueView::from(queue_state::read(&mut conn, MOST_COUNTED).await?);
    drop(conn);
    if queue.waiting > 0 {
        queue.waiting_for = WaitingView::of_queue(&waiting::staff(cx).await?);
    }
    Ok(Json(queue))
}
