//! Kinds `suspend` and `resume`, `delete` and `undelete`: what a tenant's role may do follows the tenant's state.
//!
//! The admission of a suspension makes the tenants `suspended`, that of a deletion `deleting`: from then on nothing
//! resolves them. Its items interrupt: they take from the roles what lets users in, whatever else is at work on
//! their tenants. All kinds lock the registry's row and go by the state that they find there, so the last change of the state
//! is also the last change of the rights.

use std::time::Duration;

use domain::{ItemId, TenantId, TenantState, codes};
use engine::{
    During, Finish, GroupCx, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::{Deserialize as _, Serialize};
use sqlx::PgConnection;
use store::{
    StageLimits,
    items::Claim,
    tenants::{self, Standing},
};
use tenantdb::door::{self, CLOSED, Door, OPEN, Rights};

use crate::refusal::Refusal;

/// The stage waits for catalogue rows only, which others hold for milliseconds.
const LIMITS: StageLimits = StageLimits {
    statement: Duration::from_secs(5),
    lock: Duration::from_secs(2),
    silence: Duration::from_secs(1),
};

/// The plan of kind `suspend`.
pub(crate) fn suspend() -> Result<Plan, PlanError> {
    let stage = Stage::new("suspend").within(LIMITS).without_lock();
    let stage = stage.step(SetDoor { states: &[TenantState::Suspended], did: "tenant.suspended" });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `resume`.
pub(crate) fn resume() -> Result<Plan, PlanError> {
    let stage = Stage::new("resume").within(LIMITS);
    let door = SetDoor { states: &[TenantState::Active], did: "tenant.resumed" };
    let stage = stage.step(MarkActive).step(door);
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `delete`: the drop comes later, by kind `purge`.
pub(crate) fn delete() -> Result<Plan, PlanError> {
    let stage = Stage::new("delete").within(LIMITS).without_lock();
    let stage = stage.step(SetDoor { states: &[TenantState::Deleting], did: "tenant.deleting" });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `undelete`.
pub(crate) fn undelete() -> Result<Plan, PlanError> {
    let stage = Stage::new("undelete").within(LIMITS);
    let states = &[TenantState::Active, TenantState::Suspended];
    let stage = stage.step(TakeBack).step(SetDoor { states, did: "tenant.undeleted" });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// Makes the tenants `active`.
#[derive(Debug)]
struct MarkActive;

impl Step for MarkActive {
    const NAME: StepName = StepName::new("mark_active");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let items = items(std::slice::from_ref(cx.claim()));
        some(tenants::resume(cx.tx(), &items).await)
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let items = items(cx.claims());
        some(tenants::resume(cx.tx(), &items).await)
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Gives the tenants the state back that they had before they were to be deleted.
#[derive(Debug)]
struct TakeBack;

impl Step for TakeBack {
    const NAME: StepName = StepName::new("take_back");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let items = items(std::slice::from_ref(cx.claim()));
        some(tenants::undelete(cx.tx(), &items).await)
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let items = items(cx.claims());
        some(tenants::undelete(cx.tx(), &items).await)
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

pub(crate) fn items(claims: &[Claim]) -> Vec<(ItemId, TenantId)> {
    claims.iter().map(|claim| (claim.item, claim.tenant.id)).collect()
}

/// The next step says which tenants are in another state, and why that is so.
fn some(moved: sqlx::Result<Vec<TenantId>>) -> Result<(), StepError> {
    if moved.during("change the tenants' states")?.is_empty() {
        return Err(superseded()).during("change the tenants' states");
    }
    Ok(())
}

/// Gives the role the rights that belong to the tenant's state, and ends its sessions where it has none.
#[derive(Debug)]
struct SetDoor {
    /// Those that a tenant can be in now, if nothing later was asked of it.
    states: &'static [TenantState],
    /// What the audit log says was done.
    did: &'static str,
}

/// What was done, as the item's result tells it.
#[derive(Debug, Serialize)]
struct Set {
    state: TenantState,
    /// What the role could do before.
    before: Rights,
    sessions_ended: i64,
}

impl Step for SetDoor {
    const NAME: StepName = StepName::new("set_door");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let set = self.set(std::slice::from_ref(cx.claim()), cx.tx()).await?.remove(0);
        cx.note(&set, Some(self.did));
        Ok(())
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        for (place, set) in self.set(claims, tx).await?.into_iter().enumerate() {
            cx.note(place, &set, Some(self.did));
        }
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl SetDoor {
    async fn set(&self, claims: &[Claim], tx: &mut PgConnection) -> Result<Vec<Set>, StepError> {
        let ids: Vec<TenantId> = claims.iter().map(|claim| claim.tenant.id).collect();
        let standing = tenants::lock_standing(tx, &ids).await.during("lock the tenants' rows")?;
        let doors: Vec<Door<'_>> = claims
            .iter()
            .map(|Claim { tenant, .. }| Door { role: &tenant.role, schema: &tenant.schema })
            .collect();
        let now = door::rights(tx, &doors).await.during("read what the roles may do")?;
        let (mut to_set, mut kept, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for ((standing, id), (door, now)) in
            standing.into_iter().zip(ids).zip(doors.iter().zip(&now))
        {
            let Some(Standing { state, rights }) =
                standing.filter(|it| self.states.contains(&it.state))
            else {
                return Err(superseded()).during("read the tenants' states");
            };
            let kept_so_far = rights.and_then(|rights| Rights::deserialize(rights).ok());
            let (then, keep) = match state {
                TenantState::Active => (kept_so_far.unwrap_or(OPEN), None),
                _ => (CLOSED, Some(kept_so_far.unwrap_or(*now))),
            };
            to_set.push((*door, *now, then));
            kept.push((id, keep.and_then(|rights| serde_json::to_value(rights).ok())));
            states.push(state);
        }
        door::set(tx, &to_set).await.during("change what the roles may do")?;
        tenants::keep_rights(tx, &kept).await.during("keep what the roles could do")?;
        let closed: Vec<Door<'_>> =
            to_set.iter().filter(|it| it.2 == CLOSED).map(|(door, ..)| *door).collect();
        let ended =
            door::end_sessions(tx, &closed).await.during("end the sessions of the roles")?;
        let mut ended = ended.into_iter();
        let set = |(before, (state, (_, _, then)))| Set {
            state,
            before,
            sessions_ended: if then == CLOSED { ended.next().unwrap_or_default() } else { 0 },
        };
        Ok(now.into_iter().zip(states.into_iter().zip(to_set)).map(set).collect())
    }
}

pub(crate) fn superseded() -> Refusal {
    let why = "a later request has asked for the opposite of this tenant";
    Refusal::permanent(codes::SUPERSEDED, why).telling(why)
}
