//! Why tenants that wait do not move.

use std::time::Duration;

use contract::{Batch, OpenEnum, WaitingFor};
use domain::OperationState;
use store::queue_state::{self, Staff};

use crate::{context::Context, http::problem::Problem};

fn because(code: &str, message: impl Into<String>) -> WaitingFor {
    WaitingFor { code: code.to_owned(), message: message.into() }
}

/// What keeps every waiting tenant of the queue from being worked on.
pub(crate) fn of_queue(staff: &Staff) -> Option<WaitingFor> {
    if staff.paused_at.is_some() {
        let message = "the queue is paused; `tenantry queue resume` lets it go on";
        return Some(because("queue_paused", message));
    }
    if staff.has_worker {
        return None;
    }
    Some(match &staff.refused {
        Some(reason) => {
            because("worker_refused", format!("no worker runs; the last could not start: {reason}"))
        }
        None => because("no_worker", "no worker runs; start `tenantry-worker`"),
    })
}

/// What keeps an open batch from being worked on; `None` while a tenant of it is in work.
pub(crate) fn of_batch(batch: &Batch, staff: &Staff) -> Option<WaitingFor> {
    let counts = &batch.progress.counts;
    let waits = counts.queued + counts.retrying > 0 && counts.running == 0;
    let may_run =
        matches!(batch.state, OpenEnum::Known(OperationState::Queued | OperationState::Running));
    if !waits || !may_run {
        return None;
    }
    if let Some(at) = batch.run_at {
        return Some(because("later", format!("the batch begins at {}", at.to_rfc3339())));
    }
    if batch.paused {
        let id = batch.batch_id;
        let message = format!("the batch is paused; `tenantry batch resume {id}` lets it go on");
        return Some(because("batch_paused", message));
    }
    of_queue(staff).or_else(|| {
        let all_tried = counts.queued == 0;
        all_tried.then(|| because("back_off", "every tenant waits for its next try"))
    })
}

/// The workers that would take work now.
pub(crate) async fn staff(cx: &Context) -> Result<Staff, Problem> {
    let dead_after = Duration::from_millis(cx.settings().worker.dead_after_ms);
    let mut conn = cx.pool().acquire().await?;
    Ok(queue_state::staff(&mut conn, domain::Kind::Provision, None, dead_after).await?)
}
