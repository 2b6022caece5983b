//! Ends an item that turned back: undoes its committed stages, newest first, if its plan unwinds.

use domain::ItemState;
use serde_json::json;
use store::{audit, items::Claim};

use crate::{
    During, Failure, Place, Plan, Progress, Runner, Stage, StepError, crash_point, here::Follow,
    runner::is_done,
};

impl Runner {
    /// Undoes every committed stage of `plan`, newest first and one transaction each, releases the
    /// tenant's names and ends the item in `end`. A plan that stays only ends its item. The claim must be
    /// in state `unwinding`.
    ///
    /// # Errors
    /// When an undo failed.
    pub async fn unwind(
        &self,
        plan: &Plan,
        claim: &Claim,
        end: ItemState,
    ) -> Result<Progress, Failure> {
        let held = match plan.stays() {
            // No earlier claim may commit once the item has ended.
            true => self.raise(plan, claim).await?.is_some(),
            false => self.undo_all(plan, claim).await?,
        };
        if !held {
            return Ok(Progress::Fenced);
        }
        let ended = self.end(plan, claim, end).await;
        let ended =
            ended.map_err(|error| Failure { stage: "end".to_owned(), step: None, error })?;
        Ok(if ended { Progress::Done(Vec::new()) } else { Progress::Fenced })
    }

    /// False when the claim was lost.
    async fn undo_all(&self, plan: &Plan, claim: &Claim) -> Result<bool, Failure> {
        let Some(there) = self.raise(plan, claim).await? else { return Ok(false) };
        for stage in plan.stages().iter().rev() {
            let committed_there = there.contains_key(stage.name());
            let is_elsewhere = stage.place == Place::Tenant && self.elsewhere(claim).is_some();
            let undone = match (is_done(claim, stage), committed_there) {
                (false, false) => continue,
                // The undo is committed there, and its record was lost.
                (true, false) if is_elsewhere => self.follow(stage, claim, Follow::Undone).await?,
                _ => self.undo_stage(stage, claim).await?,
            };
            if !undone {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn undo_stage(&self, stage: &Stage, claim: &Claim) -> Result<bool, Failure> {
        match (stage.place, self.elsewhere(claim)) {
            (Place::Outside(limit), there) => self.undo_outside(stage, claim, there, limit).await,
            (Place::Tenant, Some(there)) => self.undo_there(stage, claim, &there).await,
            (Place::Tenant | Place::Control, _) => self.undo_here(stage, claim).await,
        }
    }

    async fn end(&self, plan: &Plan, claim: &Claim, end: ItemState) -> Result<bool, StepError> {
        let mut tx = self.pool.begin().await.during("begin the end")?;
        if !plan.stays() {
            store::tenants::release(&mut tx, claim.tenant.id).await.during("release the names")?;
        }
        let actor = format!("worker:{}", claim.worker);
        let code = claim.error.as_ref().map(|error| error.code.as_str());
        let entry = audit::Entry {
            actor: &actor,
            action: if plan.stays() { "item.failed" } else { "tenant.released" },
            tenant: Some(claim.tenant.id),
            operation: Some(claim.operation),
            detail: json!({ "item": claim.item, "attempt": claim.attempt, "end": end, "code": code }),
            ..audit::Entry::default()
        };
        audit::append(&mut tx, entry).await.during("record the end")?;
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
