//! Takes items through their plan: one by one, or several together.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use domain::ItemState;
use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use store::{
    Connections, StageLimits,
    checkpoints::{Noted, StepRecord},
    items::Claim,
};
use tracing::warn;

use crate::{
    AnyStep, During, Failure, Finish, GroupCx, Place, Plan, Progress, Stage, StageReport, StepCx,
    StepError, StepReport, crash_point,
};

/// Where tenants' schemas are that are not in the control database.
pub trait TenantDatabases: fmt::Debug + Send + Sync {
    /// The database of the claim's tenant; `None`: the control database.
    fn of(&self, claim: &Claim) -> Option<Connections>;
}

/// Runs and unwinds plans.
#[derive(Debug, Clone)]
pub struct Runner {
    pub(crate) pool: Connections,
    limits: StageLimits,
    databases: Option<Arc<dyn TenantDatabases>>,
    recycle_every: u64,
    tenants_touched: Arc<AtomicU64>,
}

/// How the steps of a stage are applied.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work<'a> {
    /// To one item, each step looking first at what is there.
    Alone(&'a Claim),
    /// To several items of which nothing is there.
    Together(&'a [Claim]),
    /// To one item, in no transaction, with a pool for further sessions.
    Outside(&'a Claim, &'a Connections),
}

impl<'a> Work<'a> {
    pub(crate) fn claims(self) -> &'a [Claim] {
        match self {
            Self::Alone(claim) | Self::Outside(claim, _) => std::slice::from_ref(claim),
            Self::Together(claims) => claims,
        }
    }
}

impl Runner {
    /// A runner whose stages keep to `limits`, unless they have some of their own.
    ///
    /// After every `recycle_every` tenants the connection at hand is replaced: a backend's memory
    /// grows with every tenant it has touched (500 MB after 800) and never shrinks.
    #[must_use]
    pub fn new(pool: impl Into<Connections>, limits: StageLimits, recycle_every: u64) -> Self {
        let (recycle_every, tenants_touched) = (recycle_every.max(1), Arc::default());
        Self { pool: pool.into(), limits, databases: None, recycle_every, tenants_touched }
    }

    /// The same, for tenants of other databases too.
    #[must_use]
    pub fn with_databases(self, databases: Arc<dyn TenantDatabases>) -> Self {
        Self { databases: Some(databases), ..self }
    }

    /// Runs every stage of `plan` that is not committed yet, and notes those that are in `claim`. The last
    /// stage's checkpoint also records the item as the plan finishes it.
    ///
    /// # Errors
    /// When a stage failed.
    pub async fn run(&self, plan: &Plan, claim: &mut Claim) -> Result<Progress, Failure> {
        let mut reports = Vec::new();
        if !self.catch_up(plan, claim).await? {
            return Ok(Progress::Fenced);
        }
        for (stage, finish) in finishes(plan) {
            if is_done(claim, stage) {
                continue;
            }
            let Some(done) = self.run_stage(stage, claim, finish).await? else {
                return Ok(Progress::Fenced);
            };
            reports.push(done.report);
            done.noted.into_iter().for_each(|noted| take_note(claim, stage, noted));
        }
        Ok(Progress::Done(reports))
    }

    /// Runs `plan` for several items on their first claim, each stage in one transaction for all of
    /// them. A stage that fails leaves nothing; the stages committed before it are noted in `claims`.
    /// [`Progress::Fenced`] when a claim is lost, or a tenant is in another database. After both, take
    /// each item by itself.
    ///
    /// # Errors
    /// When a stage failed, for the sake of any of them.
    pub async fn run_together(
        &self,
        plan: &Plan,
        claims: &mut [Claim],
    ) -> Result<Progress, Failure> {
        let mut reports = Vec::new();
        if claims.iter().any(|claim| self.elsewhere(claim).is_some()) {
            return Ok(Progress::Fenced);
        }
        for (stage, finish) in finishes(plan) {
            let Some(done) = self.run_here(stage, Work::Together(claims), finish).await? else {
                return Ok(Progress::Fenced);
            };
            reports.push(done.report);
            for (claim, noted) in claims.iter_mut().zip(done.noted) {
                take_note(claim, stage, noted);
            }
        }
        Ok(Progress::Done(reports))
    }

    /// One stage where it takes effect; `None` when the claim was lost.
    async fn run_stage(
        &self,
        stage: &Stage,
        claim: &Claim,
        finish: Option<Finish>,
    ) -> Result<Option<Done>, Failure> {
        match (stage.place, self.elsewhere(claim)) {
            (Place::Outside(limit), there) => {
                self.run_outside(stage, claim, finish, there, limit).await
            }
            (Place::Tenant, Some(there)) => self.run_there(stage, claim, finish, &there).await,
            (Place::Tenant | Place::Control, _) => {
                self.run_here(stage, Work::Alone(claim), finish).await
            }
        }
    }

    /// The database of the claim's tenant, if it is not the control database.
    pub(crate) fn elsewhere(&self, claim: &Claim) -> Option<Connections> {
        self.databases.as_ref().and_then(|databases| databases.of(claim))
    }

    pub(crate) fn limits_of(&self, stage: &Stage, work: Work<'_>) -> StageLimits {
        let own = match work {
            Work::Together(_) => stage.limits_together.or(stage.limits),
            Work::Alone(_) | Work::Outside(..) => stage.limits,
        };
        own.unwrap_or(self.limits)
    }

    /// A connection of `pool` that has not served too many tenants.
    pub(crate) async fn connection(
        &self,
        pool: &Connections,
        tenants: usize,
    ) -> sqlx::Result<PoolConnection<Postgres>> {
        let mut conn = pool.acquire_warm().await?;
        if self.is_worn(tenants as u64)
            && let Err(error) = pool.replace(&mut conn).await
        {
            warn!(%error, "a session that served many tenants could not be replaced; it goes on");
        }
        Ok(conn)
    }

    /// Whether the connection that touches `tenants` more is to be replaced first.
    fn is_worn(&self, tenants: u64) -> bool {
        let before = self.tenants_touched.fetch_add(tenants, Ordering::Relaxed);
        before / self.recycle_every != (before + tenants) / self.recycle_every
    }
}

/// Brings the claim up to a committed stage.
pub(crate) fn take_note(claim: &mut Claim, stage: &Stage, noted: Noted) {
    claim.checkpoints.push(stage.name().to_owned());
    claim.result = noted.result.or(claim.result.take());
}

pub(crate) fn is_done(claim: &Claim, stage: &Stage) -> bool {
    claim.checkpoints.iter().any(|done| done == stage.name())
}

/// The stages, each with what it records of its items when it is the last.
pub(crate) fn finishes(plan: &Plan) -> impl Iterator<Item = (&Stage, Option<Finish>)> {
    let last = plan.stages().len() - 1;
    plan.stages()
        .iter()
        .enumerate()
        .map(move |(n, stage)| (stage, (n == last).then_some(plan.finish())))
}

/// A committed stage.
#[derive(Debug)]
pub(crate) struct Done {
    report: StageReport,
    /// What its steps noted of each item.
    noted: Vec<Noted>,
}

impl Done {
    pub(crate) fn new(
        stage: &Stage,
        began: Instant,
        (steps, noted): (Vec<StepReport>, Vec<Noted>),
    ) -> Self {
        let report = StageReport { stage: stage.name().to_owned(), took: began.elapsed(), steps };
        Self { report, noted }
    }
}

/// The context of a stage's steps.
enum Cx<'a> {
    One(StepCx<'a>),
    All(GroupCx<'a>),
}

impl<'a> Cx<'a> {
    fn of(work: Work<'a>, conn: &'a mut PgConnection) -> Self {
        match work {
            Work::Alone(claim) => Self::One(StepCx::new(claim, conn)),
            Work::Outside(claim, pool) => Self::One(StepCx::new(claim, conn).outside(pool)),
            Work::Together(claims) => Self::All(GroupCx::new(claims, conn)),
        }
    }

    async fn apply(&mut self, step: &dyn AnyStep) -> Result<(), StepError> {
        match self {
            Self::One(cx) => step.apply_any(cx).await,
            Self::All(cx) => step.apply_all_any(cx).await,
        }
    }

    fn into_noted(self) -> Vec<Noted> {
        match self {
            Self::One(cx) => vec![cx.into_noted()],
            Self::All(cx) => cx.into_noted(),
        }
    }
}

/// Applies the steps of a stage in their order. Gives what they noted of each item.
pub(crate) async fn apply_steps(
    stage: &Stage,
    work: Work<'_>,
    conn: &mut PgConnection,
) -> Result<(Vec<StepReport>, Vec<Noted>), Failure> {
    let mut reports = Vec::with_capacity(stage.steps().len());
    let items = u32::try_from(work.claims().len()).unwrap_or(u32::MAX);
    let mut cx = Cx::of(work, conn);
    for step in stage.steps() {
        let started = Instant::now();
        crash_point("before", step.name().as_str());
        let applied = cx.apply(step.as_ref()).await;
        applied.map_err(|error| Failure::of_step(stage, step.name(), error))?;
        crash_point("after", step.name().as_str());
        reports.push(StepReport { step: step.name(), took: started.elapsed() / items });
    }
    Ok((reports, cx.into_noted()))
}

/// Undoes the steps of a stage, newest first.
pub(crate) async fn undo_steps(
    stage: &Stage,
    claim: &Claim,
    conn: &mut PgConnection,
) -> Result<(), Failure> {
    for step in stage.steps().iter().rev() {
        let mut cx = StepCx::new(claim, conn);
        crash_point("before_undo", step.name().as_str());
        let undone = step.undo_any(&mut cx).await;
        undone.map_err(|error| Failure::of_step(stage, step.name(), error))?;
        crash_point("after_undo", step.name().as_str());
    }
    Ok(())
}

/// The control database's last statement: checkpoint, result and fence. False when fenced out.
pub(crate) async fn checkpoint(
    tx: &mut PgConnection,
    stage: &Stage,
    claims: &[Claim],
    (steps, noted): (&[StepReport], &[Noted]),
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
    store::checkpoints::record(tx, claims, stage.name(), (&records, noted), next)
        .await
        .during("record the result")
}
