//! Stages where the control database's transaction does not reach: on another server, or outside of any.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sqlx::Connection as _;
use store::{Connections, checkpoints::Noted, items::Claim};

use crate::{
    During, Failure, Finish, Place, Plan, Runner, Stage, StepError, crash_point, fence,
    here::Follow,
    runner::{Done, Work, apply_steps, finishes, is_done, take_note, undo_steps},
};

impl Runner {
    /// Raises the fence where the tenant is in another database, and records the stages that are committed
    /// there and not in the control database, the item's end with the last of them. False when the claim was
    /// lost.
    ///
    /// # Errors
    /// When one of the databases fails.
    pub async fn catch_up(&self, plan: &Plan, claim: &mut Claim) -> Result<bool, Failure> {
        let Some(mut stages) = self.raise(plan, claim).await? else { return Ok(false) };
        for (stage, finish) in finishes(plan) {
            let Some(noted) = stages.remove(stage.name()).filter(|_| !is_done(claim, stage)) else {
                continue;
            };
            if !self
                .follow(stage, claim, Follow::Done((&[], std::slice::from_ref(&noted)), finish))
                .await?
            {
                return Ok(false);
            }
            take_note(claim, stage, noted);
        }
        Ok(true)
    }

    /// The stages that are committed in the tenant's database and what their steps noted, once no earlier
    /// claim can commit there any more: none where that is the control database. `None` when the claim was
    /// lost.
    pub(crate) async fn raise(
        &self,
        plan: &Plan,
        claim: &Claim,
    ) -> Result<Option<HashMap<String, Noted>>, Failure> {
        let Some(there) = self.elsewhere(claim) else { return Ok(Some(HashMap::new())) };
        let Some(first) = plan.stages().iter().find(|stage| stage.place == Place::Tenant) else {
            return Ok(Some(HashMap::new()));
        };
        let raised = async { fence::raise(&mut *there.acquire().await?, claim).await };
        let raised = raised.await.during("raise the fence");
        let raised = raised.map_err(|error| Failure::of(first, error))?;
        crash_point("after_raise", first.name());
        Ok(raised)
    }

    /// The stage on another server; `None` when the claim was lost.
    pub(crate) async fn run_there(
        &self,
        stage: &Stage,
        claim: &Claim,
        finish: Option<Finish>,
        there: &Connections,
    ) -> Result<Option<Done>, Failure> {
        let started = Instant::now();
        let own = |error: StepError| Failure::of(stage, error);
        let conn = self.connection(there, 1).await;
        let mut conn = conn.during("reach the tenant's database").map_err(own)?;
        let mut tx = conn.begin().await.during("begin the stage").map_err(own)?;
        let held = fence::open(&mut tx, claim, self.limits_of(stage, Work::Alone(claim))).await;
        if !held.during("lock the fence").map_err(own)? {
            return Ok(None);
        }
        let (steps, noted) = apply_steps(stage, Work::Alone(claim), &mut tx).await?;
        let held = fence::close(&mut tx, claim, stage.name(), noted.first()).await;
        if !held.during("check the fence").map_err(own)? {
            return Ok(None);
        }
        crash_point("before_commit", stage.name());
        tx.commit().await.during("commit the stage").map_err(own)?;
        crash_point("after_commit", stage.name());
        let followed = self.follow(stage, claim, Follow::Done((&steps, &noted), finish)).await?;
        Ok(followed.then(|| Done::new(stage, started, (steps, noted))))
    }

    /// Undoes the stage on another server; false when the claim was lost.
    pub(crate) async fn undo_there(
        &self,
        stage: &Stage,
        claim: &Claim,
        there: &Connections,
    ) -> Result<bool, Failure> {
        let own = |error: StepError| Failure::of(stage, error);
        let mut tx = there.begin().await.during("begin the undo").map_err(own)?;
        let held = fence::open(&mut tx, claim, self.limits_of(stage, Work::Alone(claim))).await;
        if !held.during("lock the fence").map_err(own)? {
            return Ok(false);
        }
        undo_steps(stage, claim, &mut tx).await?;
        let held = fence::close(&mut tx, claim, stage.name(), None).await;
        if !held.during("check the fence").map_err(own)? {
            return Ok(false);
        }
        crash_point("before_undo_commit", stage.name());
        tx.commit().await.during("commit the undo").map_err(own)?;
        crash_point("after_undo_commit", stage.name());
        self.follow(stage, claim, Follow::Undone).await
    }

    /// The stage outside of a transaction, within `limit`; `None` when the claim was lost. It may have been
    /// done before, by a worker that died.
    pub(crate) async fn run_outside(
        &self,
        stage: &Stage,
        claim: &Claim,
        finish: Option<Finish>,
        there: Option<Connections>,
        limit: Duration,
    ) -> Result<Option<Done>, Failure> {
        let started = Instant::now();
        let own = |error: StepError| Failure::of(stage, error);
        if !self.is_held(claim).await.during("check the claim").map_err(own)? {
            return Ok(None);
        }
        let pool = there.as_ref().unwrap_or(&self.pool);
        let mut conn =
            self.connection(pool, 1).await.during("reach the tenant's database").map_err(own)?;
        let done = apply_steps(stage, Work::Outside(claim, pool), &mut conn);
        let (steps, noted) = in_time(stage, limit, done).await??;
        drop(conn);
        crash_point("after_work", stage.name());
        let followed = self.follow(stage, claim, Follow::Done((&steps, &noted), finish)).await?;
        Ok(followed.then(|| Done::new(stage, started, (steps, noted))))
    }

    /// Undoes the stage outside of a transaction; false when the claim was lost.
    pub(crate) async fn undo_outside(
        &self,
        stage: &Stage,
        claim: &Claim,
        there: Option<Connections>,
        limit: Duration,
    ) -> Result<bool, Failure> {
        let own = |error: StepError| Failure::of(stage, error);
        if !self.is_held(claim).await.during("check the claim").map_err(own)? {
            return Ok(false);
        }
        let conn = self.connection(there.as_ref().unwrap_or(&self.pool), 1).await;
        let mut conn = conn.during("reach the tenant's database").map_err(own)?;
        in_time(stage, limit, undo_steps(stage, claim, &mut conn)).await??;
        drop(conn);
        self.follow(stage, claim, Follow::Undone).await
    }

    async fn is_held(&self, claim: &Claim) -> sqlx::Result<bool> {
        let mut tx = self.pool.begin().await?;
        store::items::hold(&mut tx, claim).await
    }
}

async fn in_time<T>(
    stage: &Stage,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let late = tokio::time::timeout(limit, work).await.map_err(|_| TookTooLong);
    late.during("end the stage in time").map_err(|error| Failure::of(stage, error))
}

/// A stage outside of a transaction took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("it took longer than it may")]
struct TookTooLong;

impl crate::Classify for TookTooLong {
    fn class(&self) -> store::ErrorClass {
        store::ErrorClass::Transient
    }

    fn code(&self) -> domain::Code {
        domain::codes::TIMED_OUT
    }
}
