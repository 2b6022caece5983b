//! Kind `update`: what the registry says of a tenant, and what the tenant's own row says, changed together.
//!
//! The patch was parsed when it was admitted. It is applied here to what the registry says now, under the lock of
//! its row. A name that another tenant took meanwhile is found by the unique indexes alone.

use std::{collections::HashMap, time::Duration};

use domain::{Changeable, ItemError, SchemaName, TenantId, TenantPatch, Update, codes};
use engine::{
    During, Finish, GroupCx, OnFailure, Plan, PlanError, Stage, Step, StepCx, StepError, StepName,
};
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{
    ErrorClass, StageLimits,
    items::Claim,
    tenants::{self, Locked, TakenName},
};
use tenantdb::own_row::{self, OwnRow};

use crate::{
    limits::QUICK,
    refusal::{Refusal, in_another_state},
};

/// Of several tenants none waits long for the application of another one.
const TOGETHER: StageLimits = StageLimits {
    statement: Duration::from_secs(1),
    lock: Duration::from_millis(100),
    silence: Duration::from_secs(1),
};

/// The plan of kind `update`.
pub(crate) fn plan() -> Result<Plan, PlanError> {
    let stage = Stage::new("update").within(QUICK).together_within(TOGETHER).step(ChangeTenant);
    Ok(Plan::new(vec![stage], Finish::Succeeded)?.on_failure(OnFailure::Stay))
}

/// Changes the registry's row of a tenant, and its row in its own schema.
#[derive(Debug)]
struct ChangeTenant;

/// What was done, as the item's result tells it: names of fields, and nothing of what is in them.
#[derive(Debug, Serialize)]
struct Changed {
    changed: Vec<String>,
    /// Whether the tenant's own row said something else, or was not there.
    own_row_written: bool,
    /// What the changed fields said, and what they say, for the audit log alone.
    #[serde(skip)]
    personal: Option<Value>,
}

impl Changed {
    fn action(&self) -> Option<&'static str> {
        match self {
            Self { changed, .. } if !changed.is_empty() => Some("tenant.updated"),
            Self { own_row_written: true, .. } => Some("tenant.own_row_written"),
            Self { .. } => None,
        }
    }
}

impl Step for ChangeTenant {
    const NAME: StepName = StepName::new("change_tenant");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let (claims, tx) = (cx.claims(), cx.tx());
        for (place, changed) in change(claims, tx).await?.into_iter().enumerate() {
            cx.note(place, &changed, changed.action());
            if let Some(personal) = changed.personal {
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

/// Changes the tenants of `claims`; says of each what was changed.
async fn change(claims: &[Claim], tx: &mut PgConnection) -> Result<Vec<Changed>, StepError> {
    let ids: Vec<TenantId> = claims.iter().map(|claim| claim.tenant.id).collect();
    let locked = tenants::lock_changeable(tx, &ids).await.during("lock the tenants' rows")?;
    let before: HashMap<TenantId, Changeable> =
        locked.iter().map(|(id, locked)| (*id, locked.now.clone())).collect();
    let wanted = wanted(claims, locked).during("apply the patch")?;
    let changed = match tenants::update(tx, &wanted).await {
        Ok(changed) => changed,
        Err(error) => match tenants::taken_name(&error) {
            Some(name) => return Err(taken(name)).during("change the tenant's row"),
            None => return Err(error).during("change the tenant's row"),
        },
    };
    let written = write_own_rows(claims, &wanted, tx).await?;
    let told = |((id, after), own_row_written): (&(TenantId, Changeable), bool)| {
        let changed = changed.get(id).cloned().unwrap_or_default();
        let personal = before.get(id).and_then(|before| personal(&changed, before, after));
        Changed { changed, own_row_written, personal }
    };
    Ok(wanted.iter().zip(written).map(told).collect())
}

/// The fields that were changed, as they were and as they are.
fn personal(changed: &[String], before: &Changeable, after: &Changeable) -> Option<Value> {
    let of = |it: &Changeable| {
        let mut fields = serde_json::to_value(it).ok()?;
        fields.as_object_mut()?.retain(|name, _| changed.contains(name));
        Some(fields)
    };
    if changed.is_empty() {
        None
    } else {
        Some(json!({ "before": of(before)?, "after": of(after)? }))
    }
}

/// What each tenant is to be, in the order of `claims`.
fn wanted(
    claims: &[Claim],
    mut locked: HashMap<TenantId, Locked>,
) -> Result<Vec<(TenantId, Changeable)>, Refusal> {
    let one = |claim: &Claim| {
        let id = claim.tenant.id;
        let there = locked.remove(&id).filter(|it| claim.kind.states().contains(&it.state));
        let Locked { version, now, .. } = there.ok_or_else(in_another_state)?;
        let update = asked(claim)?;
        if !update.if_match.is_empty() && !update.if_match.contains(&version) {
            return Err(changed_meanwhile());
        }
        let patch = TenantPatch::recorded(&update).map_err(|errors| refused(&errors))?;
        let defaults = update.defaults.unwrap_or_default();
        Ok((id, patch.applied(now, &defaults).map_err(|errors| refused(&errors))?))
    };
    claims.iter().map(one).collect()
}

/// What the item has to know: of its own, or the same for all of its operation.
fn asked(claim: &Claim) -> Result<Update, Refusal> {
    let own = claim.input.as_ref().and_then(|input| serde_json::from_str(input.get()).ok());
    match own {
        Some(update) => Ok(update),
        None => Update::deserialize(&claim.params).map_err(|error| {
            Refusal::permanent(codes::INTERNAL, format!("the item has no patch: {error}"))
        }),
    }
}

/// Writes the own rows that say something else than `wanted`, where the schemas have a table for them. Says for
/// which it did, in the order of `claims`.
async fn write_own_rows(
    claims: &[Claim],
    wanted: &[(TenantId, Changeable)],
    tx: &mut PgConnection,
) -> Result<Vec<bool>, StepError> {
    let schemas: Vec<&SchemaName> = claims.iter().map(|claim| &claim.tenant.schema).collect();
    let fitting =
        own_row::fitting(tx, &schemas).await.during("look for the tenants' own tables")?;
    let rows: Vec<OwnRow<'_>> = schemas
        .into_iter()
        .zip(wanted)
        .zip(&fitting)
        .filter(|(_, fits)| **fits)
        .map(|((schema, (tenant, wanted)), _)| OwnRow {
            schema,
            tenant: *tenant,
            name: &wanted.name,
            domain: &wanted.domain,
            settings: wanted.settings.get(),
        })
        .collect();
    let written = match own_row::bring_up_to_date(tx, &rows).await {
        Err(error) if store::classify(&error) == ErrorClass::Permanent => {
            return Err(own_row_refused(&error)).during("write the tenant's own row");
        }
        written => written.during("write the tenant's own row")?,
    };
    let mut written = written.into_iter();
    Ok(fitting.into_iter().map(|fits| fits && written.next().unwrap_or_default()).collect())
}

fn refused(errors: &domain::FieldErrors) -> Refusal {
    let ItemError { code, message, .. } = errors.into();
    Refusal::told(code, message)
}

fn taken(name: TakenName) -> Refusal {
    let (code, why) = match name {
        TakenName::Domain => (codes::DOMAIN_TAKEN, "the domain is in use by another tenant"),
        TakenName::ExternalId => {
            (codes::EXTERNAL_ID_TAKEN, "the external_id is in use by another tenant")
        }
    };
    Refusal::told(code, why)
}

fn changed_meanwhile() -> Refusal {
    let why = "the tenant was changed after it was read: read it again";
    Refusal::told(codes::PRECONDITION_FAILED, why)
}

fn own_row_refused(error: &sqlx::Error) -> Refusal {
    let told = "the table `tenant` in the tenant's schema does not take its row: look for another row with its \
        domain, and for what was added to the table";
    Refusal::permanent(codes::OWN_ROW_REFUSED, error.to_string()).telling(told)
}
