//! What is done about a verdict.

use std::time::{Duration, Instant};

use domain::{ItemId, ItemState, Mode, OperationId, TenantId};
use engine::{Finish, Step};
use metrics::{counter, histogram};
use operations::{Reason, Verdict, steps::TakeSpare};
use queue::JobId;
use store::{
    Connections,
    items::{self, Claim},
};
use telemetry::names;
use tracing::{info, warn};

use crate::settler::Settler;

/// An outcome could not be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    #[error("the work took too long and was given up")]
    TookTooLong,
    #[error("the item could not be queued again")]
    Enqueue(#[from] queue::EnqueueError),
}

/// What an item is about, for whoever looks at its verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) item: ItemId,
    operation: OperationId,
    mode: Mode,
    tenant: TenantId,
    started: Instant,
}

impl About {
    pub(crate) fn of(claim: &Claim, started: Instant) -> Self {
        Self {
            item: claim.item,
            operation: claim.operation,
            mode: claim.mode,
            tenant: claim.tenant.id,
            started,
        }
    }
}

/// Acts on verdicts, and tells of them.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub(crate) pool: Connections,
    pub(crate) settler: Settler,
}

impl Outcomes {
    /// Does what is left to do about an item that was worked on.
    pub(crate) async fn record(&self, about: &About, verdict: Verdict) -> Result<(), RecordError> {
        let (item, tenant) = (about.item, about.tenant);
        match verdict {
            Verdict::Fenced => {
                counter!(names::FENCED_TOTAL).increment(1);
                warn!(item.id = %item, "item {item} was taken over by another worker");
            }
            Verdict::Finished(finish, stages) => {
                note_stages(&stages);
                let duration_ms = about.started.elapsed().as_millis() as u64;
                let (state, now) = match finish {
                    Finish::Succeeded => (ItemState::Succeeded, "active"),
                    Finish::Built => (ItemState::Built, "built"),
                };
                info!(item.id = %item, tenant.id = %tenant, duration_ms, "tenant {tenant} is {now}");
                self.ended(about, state);
            }
            Verdict::Ended(state) => self.ended(about, state),
            Verdict::UndoFailed(_) => self.ended(about, ItemState::UndoFailed),
            Verdict::Retry { claim, reason, delay } => {
                self.retry_later(&claim, &reason, delay).await?;
            }
        }
        Ok(())
    }

    fn ended(&self, about: &About, state: ItemState) {
        // a built item ends with its operation
        if state != ItemState::Built {
            counter!(names::ITEMS_TOTAL, "outcome" => state.as_str()).increment(1);
        }
        self.settler.mark(about.operation, about.mode);
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
        if items::retry_later(&mut tx, claim, &reason.error, reason.spent, delay, &job.to_string())
            .await?
        {
            queue::enqueue(&mut tx, &[(claim.item, job)], delay).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn note_stages(stages: &[engine::StageReport]) {
    for stage in stages {
        histogram!(names::STAGE_SECONDS, "stage" => stage.stage).record(stage.took.as_secs_f64());
        for step in &stage.steps {
            histogram!(names::STEP_SECONDS, "step" => step.step.as_str())
                .record(step.took.as_secs_f64());
            if step.step == TakeSpare::NAME {
                counter!(names::POOL_TAKEN_TOTAL).increment(1);
            }
        }
    }
}
