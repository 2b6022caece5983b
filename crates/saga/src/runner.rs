//! Takes an item through its plan, one transaction a stage.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use domain::ItemState;
use sqlx::{Connection, PgConnection, PgPool};
use store::{StageLimits, checkpoints::StepRecord, items::Claim};

use crate::{
    During, Failure, Finish, Outcome, Plan, Stage, StageReport, StepCx, StepError, StepName,
    StepReport, crash_point,
};

/// Runs and unwinds plans on one database.
#[derive(Debug, Clone)]
pub struct Runner {
    pub(crate) pool: PgPool,
    pub(crate) limits: StageLimits,
    recycle_every: u64,
    stages_run: Arc<AtomicU64>,
}

/// What a stage's transaction came to; `None` when the claim was lost.
type StageResult = Result<Option<StageReport>, Failure>;

impl Runner {
    /// A runner whose stages keep to `limits`.
    ///
    /// After every `recycle_every` stages the connection just used is closed: a backend's memory
    /// grows with every tenant it has touched (500 MB after 800) and never shrinks.
    #[must_use]
    pub fn new(pool: PgPool, limits: StageLimits, recycle_every: u64) -> Self {
        let recycle_every = recycle_every.max(1);
        Self { pool, limits, recycle_every, stages_run: Arc::default() }
    }

    /// Runs every stage of `plan` that is not committed yet. The last stage's transaction also
    /// records the item as the plan finishes it.
    pub async fn run(&self, plan: &Plan, claim: &Claim) -> Outcome {
        let mut reports = Vec::new();
        let last = plan.stages().len() - 1;
        for (n, stage) in plan.stages().iter().enumerate() {
            if claim.checkpoints.iter().any(|done| done == stage.name()) {
                continue;
            }
            let finish = (n == last).then_some(plan.finish());
            match self.run_stage(stage, claim, finish).await {
                Ok(Some(report)) => reports.push(report),
                Ok(None) => return Outcome::Fenced,
                Err(failure) => return Outcome::Failed(failure),
            }
        }
        Outcome::Finished(reports)
    }

    async fn run_stage(&self, stage: &Stage, claim: &Claim, finish: Option<Finish>) -> StageResult {
        let started = Instant::now();
        let own = |error| Failure { stage: stage.name(), step: None, error };
        let mut conn = self.pool.acquire().await.during("reach the database").map_err(own)?;
        if self.stages_run.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.recycle_every) {
            conn.close_on_drop();
        }
        let mut tx = conn.begin().await.during("begin the stage").map_err(own)?;
        store::open_stage(&mut tx, claim.tenant.id, self.limits)
            .await
            .during("lock the tenant")
            .map_err(own)?;
        let steps = apply_steps(stage, claim, &mut tx).await.map_err(|(step, error)| Failure {
            stage: stage.name(),
            step: Some(step),
            error,
        })?;
        if !checkpoint(&mut tx, stage, claim, &steps, finish).await.map_err(own)? {
            tx.rollback().await.during("roll the stage back").map_err(own)?;
            return Ok(None);
        }
        crash_point("before_commit", stage.name());
        tx.commit().await.during("commit the stage").map_err(own)?;
        crash_point("after_commit", stage.name());
        Ok(Some(StageReport { stage: stage.name(), took: started.elapsed(), steps }))
    }
}

async fn apply_steps(
    stage: &Stage,
    claim: &Claim,
    tx: &mut PgConnection,
) -> Result<Vec<StepReport>, (StepName, StepError)> {
    let mut reports = Vec::with_capacity(stage.steps().len());
    for step in stage.steps() {
        let started = Instant::now();
        let mut cx = StepCx::new(claim, tx);
        crash_point("before", step.name().as_str());
        step.apply_any(&mut cx).await.map_err(|error| (step.name(), error))?;
        crash_point("after", step.name().as_str());
        reports.push(StepReport { step: step.name(), took: started.elapsed() });
    }
    Ok(reports)
}

/// The stage's last statement: checkpoint, result and fence. False when fenced out.
async fn checkpoint(
    tx: &mut PgConnection,
    stage: &Stage,
    claim: &Claim,
    steps: &[StepReport],
    finish: Option<Finish>,
) -> Result<bool, StepError> {
    let records: Vec<StepRecord> = steps
        .iter()
        .map(|step| StepRecord {
            name: step.step.as_str(),
            state: "done",
            duration_ms: (step.took.as_secs_f64() * 1e6).round() / 1e3,
        })
        .collect();
    let next = match finish {
        Some(Finish::Succeeded) => ItemState::Succeeded,
        Some(Finish::Built) => ItemState::Built,
        None => ItemState::Running,
    };
    store::checkpoints::record(tx, claim, stage.name(), &records, next)
        .await
        .during("record the result")
}
