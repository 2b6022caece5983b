//! Kinds `suspend` and `resume`: what a tenant's role may do follows the tenant's state.
//!
//! The admission of a suspension makes the tenants `suspended`: from then on nothing resolves them. Its items
//! interrupt: they take from the roles what lets users in, whatever else is at work on their tenants. Both
//! kinds lock the registry's row and go by the state that they find there, so the last change of the state
//! is also the last change of the rights.

use std::{collections::HashMap, time::Duration};

use domain::{TenantId, TenantState, codes};
use engine::{
    During, Finish, GroupCx, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
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
    let stage = stage.step(SetDoor { expected: TenantState::Suspended });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `resume`.
pub(crate) fn resume() -> Result<Plan, PlanError> {
    let stage = Stage::new("resume").within(LIMITS);
    let stage = stage.step(MarkActive).step(SetDoor { expected: TenantState::Active });
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// Makes the tenants `active`.
#[derive(Debug)]
struct MarkActive;

impl Step for MarkActive {
    const NAME: StepName = StepName::new("mark_active");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let mut before = mark_active(std::slice::from_ref(cx.claim()), cx.tx()).await?;
        if let Some(reason) = before.remove(&cx.tenant().id).flatten() {
            cx.note_personal(json!({ "before": { "reason": reason } }));
        }
        Ok(())
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let claims = cx.claims();
        let mut before = mark_active(claims, cx.tx()).await?;
        for (place, claim) in claims.iter().enumerate() {
            if let Some(reason) = before.remove(&claim.tenant.id).flatten() {
                cx.note_personal(place, json!({ "before": { "reason": reason } }));
            }
        }
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Why each of the tenants was suspended.
async fn mark_active(
    claims: &[Claim],
    tx: &mut PgConnection,
) -> Result<HashMap<TenantId, Option<String>>, StepError> {
    let items: Vec<_> = claims.iter().map(|claim| (claim.item, claim.tenant.id)).collect();
    let resumed = tenants::resume(tx, &items).await.during("resume the tenants")?;
    // The next step says which of them is in another state, and why that is so.
    if resumed.is_empty() { Err(superseded()).during("resume the tenants") } else { Ok(resumed) }
}

/// Gives the role the rights that belong to the tenant's state, and ends its sessions where it has none.
#[derive(Debug)]
struct SetDoor {
    expected: TenantState,
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
        let set = self.set(std::slice::from_ref(cx.claim()), cx.tx()).await?.remove(0);
        cx.note(&set, Some(self.action()));
        if let Some(personal) = personal(cx.claim()) {
            cx.note_personal(personal);
        }
        Ok(())
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        for (place, set) in self.set(claims, tx).await?.into_iter().enumerate() {
            cx.note(place, &set, Some(self.action()));
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
    fn action(&self) -> &'static str {
        match self.expected {
            TenantState::Suspended => "tenant.suspended",
            _ => "tenant.resumed",
        }
    }

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
            let standing = standing.filter(|it| it.state == self.expected).ok_or_else(superseded);
            let standing = standing.during("read the tenants' states")?;
            let (before, then, keep) = self.change(standing, *now);
            to_set.push((*door, *now, then));
            kept.push((id, keep.and_then(|rights| serde_json::to_value(rights).ok())));
            stood.push((before, Stood { state: self.expected, rights: then }));
        }
        door::set(tx, &to_set).await.during("change what the roles may do")?;
        tenants::keep_rights(tx, &kept).await.during("keep what the roles could do")?;
        let ended = match self.expected {
            TenantState::Suspended => door::end_sessions(tx, &doors).await,
            _ => Ok(vec![0; doors.len()]),
        };
        let ended = ended.during("end the sessions of the roles")?;
        let set = |((before, after), sessions_ended)| Set { before, after, sessions_ended };
        Ok(stood.into_iter().zip(ended).map(set).collect())
    }

    /// How the tenant stood, what its role may do from now on, and what is kept of what it could do.
    fn change(&self, standing: Standing, now: Rights) -> (Stood, Rights, Option<Rights>) {
        let kept = standing.rights.and_then(|rights| Rights::deserialize(rights).ok());
        let stood = |state| Stood { state, rights: now };
        match (self.expected, kept) {
            (TenantState::Suspended, None) => (stood(TenantState::Active), CLOSED, Some(now)),
            // An earlier suspension has kept them.
            (TenantState::Suspended, kept) => (stood(TenantState::Suspended), CLOSED, kept),
            (_, kept) => (stood(TenantState::Suspended), kept.unwrap_or(OPEN), None),
        }
    }
}

/// Why the tenant is suspended.
fn personal(claim: &Claim) -> Option<Value> {
    let reason = claim.params.get("reason")?;
    Some(json!({ "after": { "reason": reason } }))
}

fn superseded() -> Refusal {
    let why = "a later request has asked for the opposite of this tenant";
    Refusal::permanent(codes::SUPERSEDED, why).telling(why)
}
