//! Kinds `rotate_keys` and `revoke_keys`: the API keys of many tenants.
//!
//! A key is rows of the control database alone. A rotation takes its turn at each tenant. A revocation interrupts:
//! its admission revokes the keys that are live then, and its items revoke those that were being issued at that
//! moment.

use std::{sync::Arc, time::Duration};

use domain::{RevokeKeys, RotateKeys, TenantId, TenantState, codes};
use engine::{
    During, Finish, GroupCx, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use keys::KeyRules;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use store::{
    api_keys::{self, MOST_LIVE, NewKey},
    items::Claim,
    tenants,
};

use crate::{
    limits::QUICK,
    refusal::{Refusal, in_another_state},
};

const HOUR: Duration = Duration::from_secs(3600);

/// The plan of kind `rotate_keys`.
pub(crate) fn rotate(rules: &Arc<KeyRules>) -> Result<Plan, PlanError> {
    let step = RotateTenantKeys(Arc::clone(rules));
    let stage = Stage::new("rotate_keys").within(QUICK).step(step);
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// The plan of kind `revoke_keys`.
pub(crate) fn revoke() -> Result<Plan, PlanError> {
    let stage = Stage::new("revoke_keys").within(QUICK).without_lock().step(RevokeTenantKeys);
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// Issues a key to each tenant, and has those that it has expire.
#[derive(Debug)]
struct RotateTenantKeys(Arc<KeyRules>);

/// What was done, as the item's result tells it: ids of keys, and no secret.
#[derive(Debug, Serialize)]
struct Rotated {
    key: Option<i64>,
    /// The live keys that expire after the overlap.
    replaced: Vec<i64>,
    overlap_hours: u32,
}

impl Step for RotateTenantKeys {
    const NAME: StepName = StepName::new("rotate_tenant_keys");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        for (place, rotated) in self.rotate(claims, tx).await?.into_iter().enumerate() {
            cx.note(place, &rotated, Some("keys.rotated"));
        }
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl RotateTenantKeys {
    /// Rotates the keys of all of `claims`, which are items of one operation.
    async fn rotate(
        &self,
        claims: &[Claim],
        tx: &mut PgConnection,
    ) -> Result<Vec<Rotated>, StepError> {
        let Some(first) = claims.first() else { return Ok(Vec::new()) };
        let params: RotateKeys = params(first)?;
        let overlap_hours = params.overlap_hours.unwrap_or_default();
        let ids = lock(claims, tx).await?;
        let expiring = api_keys::expire(tx, &ids, HOUR * overlap_hours).await;
        let expiring = expiring.during("have the old keys expire")?;
        self.issue(claims, &params, tx).await?;
        let issued = api_keys::issued_in(tx, first.operation, &ids).await;
        let issued = issued.during("read the new keys")?;
        let rotated = |id: &TenantId| Rotated {
            key: issued.get(id).copied(),
            replaced: expiring.get(id).cloned().unwrap_or_default(),
            overlap_hours,
        };
        Ok(ids.iter().map(rotated).collect())
    }

    async fn issue(
        &self,
        claims: &[Claim],
        params: &RotateKeys,
        tx: &mut PgConnection,
    ) -> Result<(), StepError> {
        let valid_for = params.expires_days.map(|days| HOUR * 24 * days).or(self.0.valid_for);
        let issued = issue(&self.0, claims, valid_for, MOST_LIVE, tx).await;
        match issued.during("issue the API keys")? == claims.len() as u64 {
            true => Ok(()),
            false => Err(too_many_keys()).during("issue the API keys"),
        }
    }
}

/// Mints a key for each of `claims` whose tenant has fewer than `most` live ones, and says how many those are.
pub(crate) async fn issue(
    rules: &KeyRules,
    claims: &[Claim],
    valid_for: Option<Duration>,
    most: i64,
    tx: &mut PgConnection,
) -> sqlx::Result<u64> {
    let minted: Vec<_> = claims
        .iter()
        .map(|claim| (claim, rules.mint(&claim.tenant.name, claim.tenant.id)))
        .collect();
    let new: Vec<NewKey<'_>> = minted
        .iter()
        .map(|(claim, (key, sealed))| NewKey {
            tenant: claim.tenant.id,
            operation: Some(claim.operation),
            hash: key.hash(),
            prefix: key.prefix(),
            last4: key.last4(),
            sealed,
            sealed_for: rules.sealed_for,
            valid_for,
        })
        .collect();
    api_keys::issue(tx, &new, most).await
}

/// Revokes what the admission could not see.
#[derive(Debug)]
struct RevokeTenantKeys;

/// What was done, as the item's result tells it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Revoked {
    #[serde(default)]
    revoked: Vec<i64>,
}

impl Step for RevokeTenantKeys {
    const NAME: StepName = StepName::new("revoke_tenant_keys");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        for (place, revoked) in revoke_all(claims, tx).await?.into_iter().enumerate() {
            cx.note(place, &revoked, revoked.action());
        }
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

impl Revoked {
    fn action(&self) -> Option<&'static str> {
        (!self.revoked.is_empty()).then_some("keys.revoked")
    }
}

/// Revokes the keys of all of `claims`, which are items of one operation.
async fn revoke_all(claims: &[Claim], tx: &mut PgConnection) -> Result<Vec<Revoked>, StepError> {
    let Some(first) = claims.first() else { return Ok(Vec::new()) };
    let RevokeKeys { created_before } = params(first)?;
    let ids: Vec<TenantId> = claims.iter().map(|claim| claim.tenant.id).collect();
    // Whoever issues a key to one of them holds its row.
    tenants::lock_standing(tx, &ids).await.during("lock the tenants' rows")?;
    let late = api_keys::revoke_of(tx, first.operation, &ids, created_before).await;
    let mut late = late.during("revoke the keys")?;
    let one = |claim: &Claim| {
        let at_once = claim.input.as_ref().and_then(|it| serde_json::from_str(it.get()).ok());
        let mut all: Revoked = at_once.unwrap_or_default();
        all.revoked.extend(late.remove(&claim.tenant.id).unwrap_or_default());
        all
    };
    Ok(claims.iter().map(one).collect())
}

/// The tenants of `claims`. No other transaction issues keys to them before this one ends.
async fn lock(claims: &[Claim], tx: &mut PgConnection) -> Result<Vec<TenantId>, StepError> {
    let ids: Vec<TenantId> = claims.iter().map(|claim| claim.tenant.id).collect();
    let standing = tenants::lock_standing(tx, &ids).await.during("lock the tenants' rows")?;
    let fits = |state: TenantState| matches!(state, TenantState::Active | TenantState::Suspended);
    match standing.iter().all(|it| it.as_ref().is_some_and(|it| fits(it.state))) {
        true => Ok(ids),
        false => Err(in_another_state()).during("read the tenants' states"),
    }
}

fn params<T: DeserializeOwned>(claim: &Claim) -> Result<T, StepError> {
    let params = T::deserialize(&claim.params)
        .map_err(|error| Refusal::permanent(codes::INTERNAL, error.to_string()));
    params.during("read what is asked for")
}

fn too_many_keys() -> Refusal {
    let why = format!(
        "the tenant can have {MOST_LIVE} live API keys at most: revoke one, or rotate without an overlap"
    );
    Refusal::told(codes::TOO_MANY_KEYS, why)
}
