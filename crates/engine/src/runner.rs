//! Takes items through their plan, one transaction a stage: one by one, or several together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use domain::{ItemState, TenantId};
use sqlx::{Connection, PgConnection};
use store::{Connections, StageLimits, checkpoints::StepRecord, items::Claim};
use tracing::warn;

use crate::{
    During, Failure, Finish, Plan, Progress, Stage, StageReport, StepCx, StepError, StepName,
    StepReport, crash_point,
};

/// Runs and unwinds plans on one database.
#[derive(Debug, Clone)]
pub struct Runner {
    pub(crate) pool: Connections,
    pub(crate) limits: StageLimits,
    recycle_every: u64,
    tenants_touched: Arc<AtomicU64>,
}

/// How the steps of a stage are applied.
#[derive(Debug, Clone, Copy)]
enum Work<'a> {
    /// To one item, each step looking first at what is there.
    Alone(&'a Claim),
    /// To several items of which nothing is there.
    Together(&'a [Claim]),
}

impl<'a> Work<'a> {
    fn claims(self) -> &'a [Claim] {
        match self {
            Self::Alone(claim) => std::slice::from_ref(claim),
            Self::Together(claims) => claims,
        }
    }
}

impl Runner {
    /// A runner whose stages keep to `limits`.
    ///
    /// After every `recycle_every` tenants the connection at hand is replaced: a backend's memory
    /// grows with every tenant it has touched (500 MB after 800) and never shrinks.
    #[must_use]
    pub fn new(pool: impl Into<Connections>, limits: StageLimits, recycle_every: u64) -> Self {
        let recycle_every = recycle_every.max(1);
        Self { pool: pool.into(), limits, recycle_every, tenants_touched: Arc::default() }
    }

    /// Runs every stage of `plan` that is not committed yet. The last stage's transaction also
    /// records the item as the plan finishes it.
    ///
    /// # Errors
    /// When a stage failed.
    pub async fn run(&self, plan: &Plan, claim: &Claim) -> Result<Progress, Failure> {
        let mut reports = Vec::new();
        for (stage, finish) in finishes(plan) {
            if claim.checkpoints.iter().any(|done| done == stage.name()) {
                continue;
            }
            match self.run_stage(stage, Work::Alone(claim), finish).await? {
                Some(report) => reports.push(report),
                None => return Ok(Progress::Fenced),
            }
        }
        Ok(Progress::Done(reports))
    }

    /// Runs `plan` for several items of which nothing is there yet, each stage in one transaction
    /// for all of them. A stage that fails, or finds one claim lost, leaves nothing; the stages
    /// committed before it are noted in `claims`. Taken by itself, each item gets a result of its own.
    ///
    /// # Errors
    /// When a stage failed, for the sake of any of them.
    pub async fn run_together(
        &self,
        plan: &Plan,
        claims: &mut [Claim],
    ) -> Result<Progress, Failure> {
        let mut reports = Vec::new();
        for (stage, finish) in finishes(plan) {
            match self.run_stage(stage, Work::Together(claims), finish).await? {
                Some(report) => reports.push(report),
                None => return Ok(Progress::Fenced),
            }
            for claim in claims.iter_mut() {
                claim.checkpoints.push(stage.name().to_owned());
            }
        }
        Ok(Progress::Done(reports))
    }

    /// One stage's transaction; `None` when a claim was lost.
    async fn run_stage(
        &self,
        stage: &Stage,
        work: Work<'_>,
        finish: Option<Finish>,
    ) -> Result<Option<StageReport>, Failure> {
        let started = Instant::now();
        let own = |error| Failure { stage: stage.name(), step: None, error };
        let claims = work.claims();
        let mut conn = self.pool.acquire().await.during("reach the database").map_err(own)?;
        if self.is_worn(claims.len() as u64)
            && let Err(error) = self.pool.replace(&mut conn).await
        {
            warn!(%error, "a session that served many tenants could not be replaced; it goes on");
        }
        let mut tx = conn.begin().await.during("begin the stage").map_err(own)?;
        let tenants: Vec<TenantId> = claims.iter().map(|claim| claim.tenant.id).collect();
        store::open_stage(&mut tx, &tenants, self.limits)
            .await
            .during("lock the tenant")
            .map_err(own)?;
        let steps = apply_steps(stage, work, &mut tx).await.map_err(|(step, error)| Failure {
            stage: stage.name(),
            step: Some(step),
            error,
        })?;
        if !checkpoint(&mut tx, stage, claims, &steps, finish).await.map_err(own)? {
            tx.rollback().await.during("roll the stage back").map_err(own)?;
            return Ok(None);
        }
        crash_point("before_commit", stage.name());
        tx.commit().await.during("commit the stage").map_err(own)?;
        crash_point("after_commit", stage.name());
        Ok(Some(StageReport { stage: stage.name(), took: started.elapsed(), steps }))
    }

    /// Whether the connection that touches `tenants` more is to be replaced first.
    fn is_worn(&self, tenants: u64) -> bool {
        let before = self.tenants_touched.fetch_add(tenants, Ordering::Relaxed);
        before / self.recycle_every != (before + tenants) / self.recycle_every
    }
}

/// The stages, each with what it records of its items when it is the last.
fn finishes(plan: &Plan) -> impl Iterator<Item = (&Stage, Option<Finish>)> {
    let last = plan.stages().len() - 1;
    plan.stages()
        .iter()
        .enumerate()
        .map(move |(n, stage)| (stage, (n == last).then_some(plan.finish())))
}

async fn apply_steps(
    stage: &Stage,
    work: Work<'_>,
    tx: &mut PgConnection,
) -> Result<Vec<StepReport>, (StepName, StepError)> {
    let mut reports = Vec::with_capacity(stage.steps().len());
    let items = u32::try_from(work.claims().len()).unwrap_or(u32::MAX);
    for step in stage.steps() {
        let started = Instant::now();
        crash_point("before", step.name().as_str());
        let applied = match work {
            Work::Alone(claim) => step.apply_any(&mut StepCx::new(claim, tx)).await,
            Work::Together(claims) => step.apply_all_any(claims, tx).await,
        };
        applied.map_err(|error| (step.name(), error))?;
        crash_point("after", step.name().as_str());
        reports.push(StepReport { step: step.name(), took: started.elapsed() / items });
    }
    Ok(reports)
}

/// The stage's last statement: checkpoint, result and fence. False when fenced out.
async fn checkpoint(
    tx: &mut PgConnection,
    stage: &Stage,
    claims: &[Claim],
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
    let next = finish.map_or(ItemState::Running, ItemState::from);
    store::checkpoints::record(tx, claims, stage.name(), &records, next)
        .await
        .during("record the result")
}
