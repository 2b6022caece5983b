//! Why tenants that wait do not move.

use std::time::Duration;

use domain::OperationState;
use serde::Serialize;
use store::queue_state::{self, Staff};
use utoipa::ToSchema;

use crate::{batch_view::BatchView, context::Context, problem::Problem};

/// Why tenants wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WaitingFor)]
pub(crate) struct WaitingView {
    /// Stable name: `later`, `batch_paused`, `queue_paused`, `no_worker`, `worker_refused` (a worker
    /// cannot start) or `back_off`.
    #[schema(example = "no_worker")]
    code: &'static str,
    /// The same in words, with what to do.
    pub(crate) message: String,
}

impl WaitingView {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What keeps every waiting tenant of the queue from being worked on.
    pub(crate) fn of_queue(staff: &Staff) -> Option<Self> {
        if staff.paused_at.is_some() {
            let message = "the queue is paused; `tenantry queue resume` lets it go on";
            return Some(Self::new("queue_paused", message));
        }
        if staff.has_worker {
            return None;
        }
        Some(match &staff.refused {
            Some(reason) => Self::new(
                "worker_refused",
                format!("no worker runs; the last could not start: {reason}"),
            ),
            None => Self::new("no_worker", "no worker runs; start `tenantry-worker`"),
        })
    }

    /// What keeps an open batch from being worked on; `None` while a tenant of it is in work.
    fn of_batch(batch: &BatchView, staff: &Staff) -> Option<Self> {
        let counts = &batch.progress.counts;
        let waits = counts.queued + counts.retrying > 0 && counts.running == 0;
        if !waits || !matches!(batch.state, OperationState::Queued | OperationState::Running) {
            return None;
        }
        if let Some(at) = batch.run_at {
            return Some(Self::new("later", format!("the batch begins at {}", at.to_rfc3339())));
        }
        if batch.paused {
            let id = batch.batch_id;
            let message =
                format!("the batch is paused; `tenantry batch resume {id}` lets it go on");
            return Some(Self::new("batch_paused", message));
        }
        Self::of_queue(staff).or_else(|| {
            let all_tried = counts.queued == 0;
            all_tried.then(|| Self::new("back_off", "every tenant waits for its next try"))
        })
    }
}

/// Who would take work now.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn staff(cx: &Context) -> Result<Staff, Problem> {
    let dead_after = Duration::from_millis(cx.settings().worker.dead_after_ms);
    let mut conn = cx.pool().acquire().await?;
    Ok(queue_state::staff(&mut conn, domain::Kind::Provision, None, dead_after).await?)
}

/// The batch, with what keeps it from being worked on.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn explained(cx: &Context, mut batch: BatchView) -> Result<BatchView, Problem> {
    if batch.finished_at.is_none() && batch.progress.counts.running == 0 {
        batch.waiting_for = WaitingView::of_batch(&batch, &staff(cx).await?);
    }
    Ok(batch)
}
