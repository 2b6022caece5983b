//! Undoes an item's committed stages, newest first, and ends the item.

use domain::ItemState;
use serde_json::json;
use sqlx::PgConnection;
use store::{audit, items::Claim};

use crate::{
    During, Failure, Plan, Progress, Runner, Stage, StepCx, StepError, StepName, crash_point,
};

impl Runner {
    /// Undoes every committed stage of `plan`, newest first and one transaction each, then
    /// releases the tenant's names and ends the item in `end`. The claim must be in state
    /// `unwinding`.
    ///
    /// # Errors
    /// When an undo failed.
    pub async fn unwind(
        &self,
        plan: &Plan,
        claim: &Claim,
        end: ItemState,
    ) -> Result<Progress, Failure> {
        for stage in plan.stages().iter().rev() {
            if !claim.checkpoints.iter().any(|done| done == stage.name()) {
                continue;
            }
            if !self.undo_stage(stage, claim).await? {
                return Ok(Progress::Fenced);
            }
        }
        let ended = self.end(claim, end).await;
        let ended = ended.map_err(|error| Failure { stage: "end", step: None, error })?;
        Ok(if ended { Progress::Done(Vec::new()) } else { Progress::Fenced })
    }

    async fn undo_stage(&self, stage: &Stage, claim: &Claim) -> Result<bool, Failure> {
        let own = |error| Failure { stage: stage.name(), step: None, error };
        let mut tx = self.pool.begin().await.during("begin the undo").map_err(own)?;
        store::open_stage(&mut tx, &[claim.tenant.id], self.limits)
            .await
            .during("lock the tenant")
            .map_err(own)?;
        undo_steps(stage, claim, &mut tx).await.map_err(|(step, error)| Failure {
            stage: stage.name(),
            step: Some(step),
            error,
        })?;
        store::checkpoints::undone(&mut tx, claim, stage.name())
            .await
            .during("record the undo")
            .map_err(own)?;
        let held = store::items::hold(&mut tx, claim).await.during("check the claim");
        if !held.map_err(own)? {
            tx.rollback().await.during("roll the undo back").map_err(own)?;
            return Ok(false);
        }
        crash_point("before_undo_commit", stage.name());
        tx.commit().await.during("commit the undo").map_err(own)?;
        crash_point("after_undo_commit", stage.name());
        Ok(true)
    }

    async fn end(&self, claim: &Claim, end: ItemState) -> Result<bool, StepError> {
        let mut tx = self.pool.begin().await.during("begin the end")?;
        store::tenants::release(&mut tx, claim.tenant.id).await.during("release the names")?;
        let actor = format!("worker:{}", claim.worker);
        let code = claim.error.as_ref().map(|error| error.code.as_str());
        let entry = audit::Entry {
            actor: &actor,
            action: "tenant.released",
            tenant: Some(claim.tenant.id),
            operation: Some(claim.operation),
            detail: json!({ "item": claim.item, "attempt": claim.attempt, "end": end, "code": code }),
            ..audit::Entry::default()
        };
        audit::append(&mut tx, entry).await.during("record the release")?;
        if !store::items::fail(&mut tx, claim, end).await.during("record the result")? {
            tx.rollback().await.during("roll the end back")?;
            return Ok(false);
        }
        crash_point("before_end", end.as_str());
        tx.commit().await.during("commit the end")?;
        crash_point("after_end", end.as_str());
        Ok(true)
    }
}

async fn undo_steps(
    stage: &Stage,
    claim: &Claim,
    tx: &mut PgConnection,
) -> Result<(), (StepName, StepError)> {
    for step in stage.steps().iter().rev() {
        let mut cx = StepCx::new(claim, tx);
        crash_point("before_undo", step.name().as_str());
        step.undo_any(&mut cx).await.map_err(|error| (step.name(), error))?;
        crash_point("after_undo", step.name().as_str());
    }
    Ok(())
}
