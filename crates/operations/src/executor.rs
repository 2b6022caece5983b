//! Takes items as far as they go: claim, run, and turn back when it fails for good.

mod reasons;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{Backoff, Code, ItemError, ItemId, ItemState, codes};
use engine::{Failure, Progress, Runner, StageReport, control};
use store::{
    Connections,
    items::{self, Claim, RecordedError},
};
use tokio::sync::watch;
use tracing::{error, info, warn};

pub(crate) use self::reasons::unfit;
use self::reasons::{cancelled, end_of, exhausted};
use crate::{Plans, PoolView, together::Pace};

/// Tries after which one waits as long as after one that does not count: up to 8 s by default.
const TRIES_UNSPENT: u32 = 5;

/// When to try again, and when to stop.
#[derive(Debug, Clone, Copy)]
pub struct RetryRules {
    /// Tries before an item turns back, the first included; also tries of an undo.
    pub max_attempts: u32,
    /// How long to wait between two tries.
    pub backoff: Backoff,
    /// A worker silent for longer has lost its items.
    pub dead_after: Duration,
}

/// What came of working on an item; its row says the same.
#[derive(Debug)]
pub enum Ended {
    /// The item is no longer ours: another worker has it by now, or it has ended. What we did last
    /// was rolled back.
    Fenced,
    /// The item is in this state, which the stages committed last have led to.
    As(ItemState, Vec<StageReport>),
    /// It waits to be tried again.
    Again { code: Code },
}

/// Works on items for one worker process.
#[derive(Debug)]
pub struct Executor {
    pub(crate) pool: Connections,
    pub(crate) runner: Runner,
    plans: watch::Receiver<Arc<Plans>>,
    pub(crate) rules: RetryRules,
    pub(crate) worker: String,
    pub(crate) group: usize,
    pub(crate) pool_view: Arc<PoolView>,
    pub(crate) pace: Pace,
    /// Held by the transaction that drops a group of tenants: one at a time, as each makes every session forget
    /// its plans.
    pub(crate) drops: tokio::sync::Mutex<()>,
    /// Set while the database refuses this process a right.
    refused: AtomicBool,
}

impl Executor {
    /// One that claims for `worker`, a name fresh for every start of a process, and follows the latest `plans`.
    #[must_use]
    pub fn new(
        pool: impl Into<Connections>,
        runner: Runner,
        plans: watch::Receiver<Arc<Plans>>,
        rules: RetryRules,
        worker: String,
    ) -> Self {
        Self {
            pool: pool.into(),
            runner,
            plans,
            rules,
            worker,
            group: 1,
            pool_view: Arc::default(),
            pace: Pace::default(),
            drops: tokio::sync::Mutex::default(),
            refused: AtomicBool::new(false),
        }
    }

    /// The same, building at most `group` tenants in one transaction.
    #[must_use]
    pub fn in_groups_of(self, group: usize) -> Self {
        Self { group: group.max(1), ..self }
    }

    /// The same, taking tenants from the pool that `view` tells of.
    #[must_use]
    pub fn with_pool(self, view: Arc<PoolView>) -> Self {
        Self { pool_view: view, ..self }
    }

    /// Claims those of `items` that are free: neither final, nor another live worker's.
    pub async fn claim(&self, items: &[ItemId]) -> sqlx::Result<Vec<Claim>> {
        let plans = self.plans();
        let by = plans.claimant(&self.worker, self.rules.dead_after);
        let mut conn = self.pool.acquire_warm().await?;
        let claims = loop {
            match items::claim(&mut conn, items, &by).await {
                // The next one sees who took the tenant.
                Err(error) if items::is_held(&error) => {}
                claimed => break claimed?,
            }
        };
        self.pool.give_back(conn);
        if claims.len() < items.len() {
            let is_left = |item: &&ItemId| claims.iter().all(|claim| claim.item != **item);
            let left: Vec<ItemId> = items.iter().filter(is_left).copied().collect();
            control::pass_on(&self.pool, &left, &by).await?;
        }
        Ok(claims)
    }

    /// Takes a claimed item as far as it goes.
    ///
    /// # Errors
    /// When the database fails in a way that leaves the outcome unrecorded: the item's claim
    /// runs out, or the job comes again.
    pub async fn work(&self, mut claim: Claim) -> sqlx::Result<Ended> {
        if claim.state == ItemState::Unwinding {
            return self.unwind(claim).await;
        }
        let plans = self.plans();
        let plan = plans.of(&claim);
        if let Some(code) = claim.cancelled.clone() {
            if let Some(ended) = self.catch_up(&mut claim).await? {
                return Ok(ended);
            }
            if !plan.is_past_pivot(&claim.checkpoints) {
                return self.turn_back(claim, cancelled(code), None).await;
            }
        }
        if let Some(reason) = unfit(&claim) {
            let stage = plan.stages()[0].name().to_owned();
            return self.give_up(claim, reason, Some(&stage)).await;
        }
        if claim.tries.unsigned_abs() > self.rules.max_attempts {
            let reason = exhausted(claim.error.as_ref());
            return self.give_up(claim, reason, None).await;
        }
        match self.runner.run(plan, &mut claim).await {
            Ok(Progress::Done(stages)) => {
                self.not_refused();
                self.note_pace(std::slice::from_ref(&claim), &stages, Duration::ZERO);
                Ok(Ended::As(plan.finish().into(), stages))
            }
            Ok(Progress::Fenced) => Ok(Ended::Fenced),
            Err(failure) => self.after_failure(claim, &failure).await,
        }
    }

    /// The worker it claims for.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// The plans that it follows now.
    pub(crate) fn plans(&self) -> Arc<Plans> {
        Arc::clone(&self.plans.borrow())
    }

    /// Its connections to the control database.
    #[must_use]
    pub fn pool(&self) -> &Connections {
        &self.pool
    }

    /// Whether the database refused this process a right at the last try.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// A run met no refusal. Said once.
    pub(crate) fn not_refused(&self) {
        if self.refused.swap(false, Ordering::Relaxed) {
            info!("the database no longer refuses a right; the work goes on");
        }
    }

    /// Puts an item whose run failed back, or turns it back.
    pub(crate) async fn after_failure(
        &self,
        claim: Claim,
        failure: &Failure,
    ) -> sqlx::Result<Ended> {
        if !claim.kind.makes_tenants() {
            self.pace.was_slow();
        }
        if let Some(ended) = self.try_again(&claim, failure).await? {
            return Ok(ended);
        }
        let error = failure.to_item_error();
        warn!(item.id = %claim.item, tenant.id = %claim.tenant.id, item.attempt = claim.attempt,
            code = %error.code, cause = %telemetry::chain(&failure.error),
            "item {} failed for good after {} tries", claim.item, claim.tries);
        self.give_up(claim, error, Some(&failure.stage)).await
    }

    /// Turns an item back, or leaves it to an operator where there is no way back.
    async fn give_up(
        &self,
        mut claim: Claim,
        reason: ItemError,
        stage: Option<&str>,
    ) -> sqlx::Result<Ended> {
        if let Some(ended) = self.catch_up(&mut claim).await? {
            return Ok(ended);
        }
        // What is superseded has done nothing yet.
        let superseded = reason.code == codes::SUPERSEDED;
        if superseded || !self.plans().of(&claim).is_past_pivot(&claim.checkpoints) {
            return self.turn_back(claim, reason, stage).await;
        }
        error!(item.id = %claim.item, tenant.id = %claim.tenant.id, code = %reason.code,
            "item {} can go neither on nor back; an operator has to look", claim.item);
        let mut tx = self.pool.begin().await?;
        let stuck = control::count_failure(&mut tx, &claim, async |conn| {
            items::stick(conn, &claim, &reason).await
        });
        if !stuck.await? {
            return Ok(Ended::Fenced);
        }
        if let Some(stage) = stage {
            items::note_attempt(&mut tx, &claim, stage, &reason).await?;
        }
        tx.commit().await?;
        Ok(Ended::As(ItemState::Stuck, Vec::new()))
    }

    /// Brings the claim up to what is committed, here and in the tenant's database, before its checkpoints
    /// decide where it goes: the answer to a commit may be lost. What the item came to, if that is all of it; it
    /// waits when the database does not answer.
    async fn catch_up(&self, claim: &mut Claim) -> sqlx::Result<Option<Ended>> {
        let plans = self.plans();
        let plan = plans.of(claim);
        let mut conn = self.pool.acquire().await?;
        claim.checkpoints = store::checkpoints::committed(&mut conn, claim.item).await?;
        drop(conn);
        match self.runner.catch_up(plan, claim).await {
            Ok(false) => Ok(Some(Ended::Fenced)),
            Ok(true) => {
                let done = plan.is_done(&claim.checkpoints);
                Ok(done.then(|| Ended::As(plan.finish().into(), Vec::new())))
            }
            // Without the answer it may be neither undone nor ended.
            Err(failure) => self.put_back(claim, &failure, false).await.map(Some),
        }
    }

    /// Puts the item back if another try can help and is left.
    async fn try_again(&self, claim: &Claim, failure: &Failure) -> sqlx::Result<Option<Ended>> {
        let cause = telemetry::chain(&failure.error);
        let refused = failure.error.is_refused();
        if refused && !self.refused.swap(true, Ordering::Relaxed) {
            error!(
                "the database refuses a right that Tenantry needs: {cause}; tenants wait \
                 until it is given back (`tenantry migrate public up`, `tenantry doctor`)"
            );
        }
        let left = claim.tries.unsigned_abs() < self.rules.max_attempts;
        let can_help = refused || failure.error.is_transient() && left;
        if !can_help {
            return Ok(None);
        }
        // A refusal is no tenant's fault: the try does not count.
        self.put_back(claim, failure, !refused).await.map(Some)
    }

    /// Puts the item back to be tried again; the try counts if it is `spent`.
    async fn put_back(&self, claim: &Claim, failure: &Failure, spent: bool) -> sqlx::Result<Ended> {
        let tries = if spent { claim.tries.unsigned_abs() } else { TRIES_UNSPENT };
        let delay = self.rules.backoff.delay(tries, rand::random());
        let code = failure.error.code().clone();
        warn!(item.id = %claim.item, tenant.id = %claim.tenant.id, %code,
            cause = %telemetry::chain(&failure.error), delay_ms = delay.as_millis() as u64,
            "item {} failed; trying again", claim.item);
        let ours = control::put_back(&self.pool, claim, failure, spent, delay).await?;
        Ok(if ours { Ended::Again { code } } else { Ended::Fenced })
    }

    /// Records why the item turns back, then undoes what is committed of it.
    async fn turn_back(
        &self,
        mut claim: Claim,
        reason: ItemError,
        stage: Option<&str>,
    ) -> sqlx::Result<Ended> {
        let mut tx = self.pool.begin().await?;
        let committed = control::count_failure(&mut tx, &claim, async |conn| {
            items::begin_unwind(conn, &claim, &reason).await
        });
        let committed = committed.await?;
        let Some(committed) = committed else { return Ok(Ended::Fenced) };
        if let Some(stage) = stage {
            items::note_attempt(&mut tx, &claim, stage, &reason).await?;
        }
        tx.commit().await?;
        claim.checkpoints = committed;
        claim.state = ItemState::Unwinding;
        claim.tries = 1;
        claim.error = Some(RecordedError {
            code: reason.code.as_str().to_owned(),
            message: reason.message,
            step: reason.step,
        });
        self.unwind(claim).await
    }

    async fn unwind(&self, claim: Claim) -> sqlx::Result<Ended> {
        let end = end_of(&claim);
        match self.runner.unwind(self.plans().of(&claim), &claim, end).await {
            Ok(Progress::Done(stages)) => {
                info!(item.id = %claim.item, tenant.id = %claim.tenant.id,
                    "item {} ended as {end}", claim.item);
                Ok(Ended::As(end, stages))
            }
            Ok(Progress::Fenced) => Ok(Ended::Fenced),
            Err(failure) => self.after_failed_undo(&claim, &failure).await,
        }
    }

    /// Puts an item whose undo failed back, or leaves it to an operator.
    async fn after_failed_undo(&self, claim: &Claim, failure: &Failure) -> sqlx::Result<Ended> {
        if let Some(ended) = self.try_again(claim, failure).await? {
            return Ok(ended);
        }
        error!(item.id = %claim.item, tenant.id = %claim.tenant.id, code = %failure.error.code(),
            cause = %telemetry::chain(&failure.error),
            "undoing item {} failed; an operator has to look", claim.item);
        let mut tx = self.pool.begin().await?;
        if !items::fail(&mut tx, claim, ItemState::UndoFailed).await? {
            return Ok(Ended::Fenced);
        }
        items::note_attempt(&mut tx, claim, &failure.stage, &failure.to_item_error()).await?;
        tx.commit().await?;
        Ok(Ended::As(ItemState::UndoFailed, Vec::new()))
    }
}

#[cfg(test)]
mod tests;
