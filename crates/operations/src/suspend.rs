//! Kinds `suspend` and `resume`, `delete` and `undelete`: what a tenant's role may do follows the tenant's state.
//!
//! The admission of a suspension makes the tenants `suspended`, that of a deletion `deleting`: from then on nothing
//! resolves them. Its items interrupt: they take from the roles what lets users in, whatever else is at work on
//! their tenants. All kinds lock the registry's row and go by the state that they find there, so the last change of the state
//! is also the last change of the rights.

use std::collections::HashMap;

use domain::{ItemId, TenantId, TenantState};
use engine::{
    During, Finish, GroupCx, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{
    items::Claim,
    tenants::{self, Standing},
};
use tenantdb::door::{self, CLOSED, Door, OPEN, Rights};

use crate::{limits::QUICK, refusal::superseded};

/// The plan of kind `suspend`.
pub(crate) fn suspend() -> Result<Plan, PlanError> {
    let stage = Stage::new("suspend").within(QUICK).without_lock();
    let stage = stage.step(SetDoor {
        states: &[TenantState::Suspended],
        before: None,
        did: "tenant.suspended",
    });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `resume`.
pub(crate) fn resume() -> Result<Plan, PlanError> {
    let stage = Stage::new("resume").within(QUICK);
    let door = SetDoor {
        states: &[TenantState::Active],
        before: Some(TenantState::Suspended),
        did: "tenant.resumed",
    };
    let stage = stage.step(MarkActive).step(door);
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `delete`: the drop comes later, by kind `purge`.
pub(crate) fn delete() -> Result<Plan, PlanError> {
    let stage = Stage::new("delete").within(QUICK).without_lock();
    let stage = stage.step(SetDoor {
        states: &[TenantState::Deleting],
        before: None,
        did: "tenant.deleting",
    });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `undelete`.
pub(crate) fn undelete() -> Result<Plan, PlanError> {
    let stage = Stage::new("undelete").within(QUICK);
    let states = &[TenantState::Active, TenantState::Suspended];
    let stage = stage.step(TakeBack).step(SetDoor {
        states,
        before: Some(TenantState::Deleting),
        did: "tenant.undeleted",
    });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// Makes the tenants `active`.
#[derive(Debug)]
struct MarkActive;

impl Step for MarkActive {
    const NAME: StepName = StepName::new("mark_active");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let items = items(cx.claims());
        let moved = tenants::resume(cx.tx(), &items).await;
        note_why(cx, moved)
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
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let items = items(cx.claims());
        let moved = tenants::undelete(cx.tx(), &items).await;
        note_why(cx, moved)
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

pub(crate) fn items(claims: &[Claim]) -> Vec<(ItemId, TenantId)> {
    claims.iter().map(|claim| (claim.item, claim.tenant.id)).collect()
}

/// Why each tenant was suspended, or was to be deleted.
type Whys = HashMap<TenantId, Option<String>>;

/// Notes why each tenant was in the state that it left. The next step says which tenants were in another one, and
/// why that is so.
fn note_why(cx: &mut GroupCx<'_>, moved: sqlx::Result<Whys>) -> Result<(), StepError> {
    let mut before = moved.during("change the tenants' states")?;
    if before.is_empty() {
        return Err(superseded()).during("change the tenants' states");
    }
    for (place, claim) in cx.claims().iter().enumerate() {
        if let Some(reason) = before.remove(&claim.tenant.id).flatten() {
            cx.note_personal(place, json!({ "before": { "reason": reason } }));
        }
    }
    Ok(())
}

/// Gives the role the rights that belong to the tenant's state, and ends its sessions where it has none.
#[derive(Debug)]
struct SetDoor {
    /// Those that a tenant can be in now, if nothing later was asked of it.
    states: &'static [TenantState],
    /// The one that it was in; `None`: active, or suspended if an earlier suspension has kept its rights.
    before: Option<TenantState>,
    /// What the audit log says was done.
    did: &'static str,
}

/// What was done, as the item's result and the audit log tell it.
#[derive(Debug, Serialize)]
struct Set {
    before: Stood,
    after: Stood,
    sessions_ended: i64,
}

/// How a tenant stood.
#[derive(Debug, Serialize)]
struct Stood {
    state: TenantState,
    /// What its role could do.
    rights: Rights,
}

impl Step for SetDoor {
    const NAME: StepName = StepName::new("set_door");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        for (place, set) in self.set(claims, tx).await?.into_iter().enumerate() {
            cx.note(place, &set, Some(self.did));
            if let Some(personal) = personal(&claims[place]) {
                cx.note_personal(place, personal);
            }
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
        let (mut to_set, mut kept, mut stood) = (Vec::new(), Vec::new(), Vec::new());
        for ((standing, id), (door, now)) in
            standing.into_iter().zip(ids).zip(doors.iter().zip(&now))
        {
            let standing = standing.filter(|it| self.states.contains(&it.state));
            let standing = standing.ok_or_else(superseded).during("read the tenants' states")?;
            let (before, after, keep) = self.change(standing, *now);
            to_set.push((*door, *now, after.rights));
            kept.push((id, keep.and_then(|rights| serde_json::to_value(rights).ok())));
            stood.push((before, after));
        }
        door::set(tx, &to_set).await.during("change what the roles may do")?;
        tenants::keep_rights(tx, &kept).await.during("keep what the roles could do")?;
        let closed: Vec<Door<'_>> =
            to_set.iter().filter(|it| it.2 == CLOSED).map(|(door, ..)| *door).collect();
        let ended =
            door::end_sessions(tx, &closed).await.during("end the sessions of the roles")?;
        let mut ended = ended.into_iter();
        let set = |(before, after): (Stood, Stood)| {
            let is_closed = after.rights == CLOSED;
            let ended = if is_closed { ended.next() } else { None };
            Set { before, after, sessions_ended: ended.unwrap_or_default() }
        };
        Ok(stood.into_iter().map(set).collect())
    }

    /// How the tenant stood, how it stands from now on, and what is kept of what its role could do.
    fn change(&self, standing: Standing, now: Rights) -> (Stood, Stood, Option<Rights>) {
        let kept = standing.rights.and_then(|rights| Rights::deserialize(rights).ok());
        let was = if kept.is_some() { TenantState::Suspended } else { TenantState::Active };
        let before = Stood { state: self.before.unwrap_or(was), rights: now };
        let (rights, keep) = match standing.state {
            TenantState::Active => (kept.unwrap_or(OPEN), None),
            _ => (CLOSED, Some(kept.unwrap_or(now))),
        };
        (before, Stood { state: standing.state, rights }, keep)
    }
}

/// Why the tenant is suspended, or to be deleted.
fn personal(claim: &Claim) -> Option<Value> {
    let reason = claim.params.get("reason")?;
    Some(json!({ "after": { "reason": reason } }))
}
