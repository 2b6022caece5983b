//! From a job to a verdict, and what is done about it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{ItemId, ItemState};
use metrics::{counter, gauge, histogram};
use provisioning::{Provisioner, Reason, Verdict};
use queue::{Handled, JobId};
use saga::{Finish, crash_point};
use sqlx::PgPool;
use store::items::{self, Claim};
use telemetry::names;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{settler::Settler, sweeper::InProgress};

/// Handles one item after another for the queue.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) pool: PgPool,
    pub(crate) provisioner: Provisioner,
    pub(crate) settler: Settler,
    pub(crate) in_progress: InProgress,
    pub(crate) busy: AtomicUsize,
    /// One permit for each item that may be in work at once.
    pub(crate) turns: Semaphore,
    /// An item is given up after this long: a connection that went dead without a word would hold
    /// it for ever.
    pub(crate) patience: Duration,
    /// No item is begun any more once this is cancelled.
    pub(crate) stop: CancellationToken,
}

/// Why an outcome could not be recorded.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    #[error("the work on it took too long and was given up")]
    TookTooLong,
    #[error("the item could not be queued again")]
    Enqueue(#[from] queue::EnqueueError),
}

impl Handler {
    /// Works on `item` as far as it goes.
    pub(crate) async fn handle(self: Arc<Self>, item: ItemId) -> Handled {
        let Some(Ok(_turn)) = self.stop.run_until_cancelled(self.turns.acquire()).await else {
            return Handled::Unbegun;
        };
        if self.stop.is_cancelled() {
            return Handled::Unbegun;
        }
        gauge!(names::WORKER_BUSY).set(self.busy.fetch_add(1, Ordering::Relaxed) as f64 + 1.0);
        let outcome = tokio::time::timeout(self.patience, self.work(item)).await;
        let outcome = outcome.unwrap_or(Err(RecordError::TookTooLong));
        gauge!(names::WORKER_BUSY).set(self.busy.fetch_sub(1, Ordering::Relaxed) as f64 - 1.0);
        match outcome {
            Ok(()) => Handled::Done,
            Err(error) => {
                let cause = telemetry::chain(&error);
                warn!(item.id = %item, %cause, "could not record the outcome of item {item}");
                Handled::Again
            }
        }
    }

    async fn work(&self, item: ItemId) -> Result<(), RecordError> {
        let started = Instant::now();
        // Delivered twice at once to one process: the first delivery sees to it.
        let Some(_working) = self.in_progress.enter(item) else { return Ok(()) };
        let Some(claim) = self.provisioner.claim(item).await? else { return Ok(()) };
        crash_point("after", "claim");
        note_claim(&claim);
        let (batch, mode) = (claim.batch, claim.mode);
        let tenant = claim.tenant.id;
        match self.provisioner.provision(claim).await? {
            Verdict::NotOurs => {}
            Verdict::Fenced => {
                counter!(names::FENCED_TOTAL).increment(1);
                warn!(item.id = %item, "item {item} was taken over by another worker");
            }
            Verdict::Finished(finish, stages) => {
                note_stages(&stages);
                let duration_ms = started.elapsed().as_millis() as u64;
                let (state, now) = match finish {
                    Finish::Succeeded => (ItemState::Succeeded, "active"),
                    Finish::Built => (ItemState::Built, "built"),
                };
                info!(item.id = %item, tenant.id = %tenant, duration_ms, "tenant {tenant} is {now}");
                self.note_end(state);
                self.settler.mark(batch, mode);
            }
            Verdict::Ended(state) => {
                self.note_end(state);
                self.settler.mark(batch, mode);
            }
            Verdict::UndoFailed(_) => {
                self.note_end(ItemState::UndoFailed);
                self.settler.mark(batch, mode);
            }
            Verdict::Retry { claim, reason, delay } => {
                self.retry_later(&claim, &reason, delay).await?;
            }
        }
        Ok(())
    }

    fn note_end(&self, state: ItemState) {
        counter!(names::ITEMS_TOTAL, "outcome" => state.as_str()).increment(1);
    }

    /// Puts the item back and gives it a job for later: both or neither.
    async fn retry_later(
        &self,
        claim: &Claim,
        reason: &Reason,
        delay: Duration,
    ) -> Result<(), RecordError> {
        let code = reason.error.code.as_str().to_owned();
        warn!(item.id = %claim.item, tenant.id = %claim.tenant.id, %code, cause = %reason.chain,
            delay_ms = delay.as_millis() as u64, "item {} failed; trying again", claim.item);
        counter!(names::RETRIES_TOTAL, "code" => code).increment(1);
        let job = JobId::mint();
        let mut tx = self.pool.begin().await?;
        if items::retry_later(&mut tx, claim, &reason.error, delay, &job.to_string()).await? {
            queue::enqueue(&mut tx, &[(claim.item, job)], delay).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn note_claim(claim: &Claim) {
    if let Some(waited) = claim.waited {
        histogram!(names::ITEM_WAIT_SECONDS).record(waited.as_secs_f64());
    }
    if claim.taken_over {
        counter!(names::TAKEOVERS_TOTAL).increment(1);
        info!(item.id = %claim.item, item.attempt = claim.attempt,
            "took item {} over from a worker that died", claim.item);
    }
}

fn note_stages(stages: &[saga::StageReport]) {
    for stage in stages {
        histogram!(names::STAGE_SECONDS, "stage" => stage.stage).record(stage.took.as_secs_f64());
        for step in &stage.steps {
            histogram!(names::STEP_SECONDS, "step" => step.step.as_str())
                .record(step.took.as_secs_f64());
        }
    }
}
