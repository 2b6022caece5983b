//! Stages on the control database: work, checkpoint, result and fence in one transaction.

use std::time::Instant;

use domain::TenantId;
use sqlx::Connection as _;
use store::{checkpoints::Noted, items::Claim};

use crate::{
    During, Failure, Finish, Runner, Stage, StepError, StepReport, crash_point,
    runner::{Done, Work, apply_steps, checkpoint, undo_steps},
};

impl Runner {
    /// The stage for all of `work`; `None` when a claim was lost.
    pub(crate) async fn run_here(
        &self,
        stage: &Stage,
        work: Work<'_>,
        finish: Option<Finish>,
    ) -> Result<Option<Done>, Failure> {
        let started = Instant::now();
        let own = |error: StepError| Failure::of(stage, error);
        let claims = work.claims();
        let conn = self.connection(&self.pool, claims.len()).await;
        let mut conn = conn.during("reach the database").map_err(own)?;
        let mut tx = conn.begin().await.during("begin the stage").map_err(own)?;
        let locked = claims.iter().filter(|_| stage.locks_tenant);
        let tenants: Vec<TenantId> = locked.map(|claim| claim.tenant.id).collect();
        store::open_stage(&mut tx, &tenants, self.limits_of(stage, work))
            .await
            .during("lock the tenant")
            .map_err(own)?;
        let (steps, noted) = apply_steps(stage, work, &mut tx).await?;
        if !checkpoint(&mut tx, stage, claims, (&steps, &noted), finish).await.map_err(own)? {
            tx.rollback().await.during("roll the stage back").map_err(own)?;
            return Ok(None);
        }
        crash_point("before_commit", stage.name());
        tx.commit().await.during("commit the stage").map_err(own)?;
        self.pool.give_back(conn);
        crash_point("after_commit", stage.name());
        Ok(Some(Done::new(stage, started, (steps, noted))))
    }

    /// Undoes the stage; false when the claim was lost.
    pub(crate) async fn undo_here(&self, stage: &Stage, claim: &Claim) -> Result<bool, Failure> {
        let own = |error: StepError| Failure::of(stage, error);
        let mut tx = self.pool.begin().await.during("begin the undo").map_err(own)?;
        store::open_stage(&mut tx, &[claim.tenant.id], self.limits_of(stage, Work::Alone(claim)))
            .await
            .during("lock the tenant")
            .map_err(own)?;
        undo_steps(stage, claim, &mut tx).await?;
        store::checkpoints::undone(&mut tx, claim, stage.name())
            .await
            .during("record the undo")
            .map_err(own)?;
        if !store::items::hold(&mut tx, claim).await.during("check the claim").map_err(own)? {
            tx.rollback().await.during("roll the undo back").map_err(own)?;
            return Ok(false);
        }
        crash_point("before_undo_commit", stage.name());
        tx.commit().await.during("commit the undo").map_err(own)?;
        crash_point("after_undo_commit", stage.name());
        Ok(true)
    }

    /// Records on the control database that a stage took effect, or was undone, where no transaction of this
    /// database could. False when the claim was lost.
    pub(crate) async fn follow(
        &self,
        stage: &Stage,
        claim: &Claim,
        to: Follow<'_>,
    ) -> Result<bool, Failure> {
        let own = |error: StepError| Failure::of(stage, error);
        let mut tx = self.pool.begin().await.during("begin the checkpoint").map_err(own)?;
        let held = match to {
            Follow::Done(done, finish) => {
                checkpoint(&mut tx, stage, std::slice::from_ref(claim), done, finish).await
            }
            Follow::Undone => {
                let undone = store::checkpoints::undone(&mut tx, claim, stage.name()).await;
                undone.during("record the undo").map_err(own)?;
                store::items::hold(&mut tx, claim).await.during("check the claim")
            }
        };
        if !held.map_err(own)? {
            tx.rollback().await.during("roll the checkpoint back").map_err(own)?;
            return Ok(false);
        }
        tx.commit().await.during("commit the checkpoint").map_err(own)?;
        crash_point("after_checkpoint", stage.name());
        Ok(true)
    }
}

/// What a checkpoint follows from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Follow<'a> {
    Done((&'a [StepReport], &'a [Noted]), Option<Finish>),
    Undone,
}
