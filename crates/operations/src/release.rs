//! Kind `release`: an imported schema is given back as it was found, and its tenant is gone.
//!
//! An import's undo and a deletion give it back by the same function.

use std::sync::Arc;

use domain::codes;
use engine::{
    During, Finish, OnFailure, Plan, PlanError, Sharing, Stage, Step, StepCx, StepError, StepName,
};
use sqlx::PgConnection;
use store::{imports as kept, items::ClaimedTenant};
use tenantdb::{Mark, door, imports, own_row, removal, schema};

use crate::{
    Parts,
    limits::DROPPING,
    purge::{Erase, drop_roles},
    refusal::{Refusal, superseded},
};

/// The plan.
pub(crate) fn plan(parts: &Arc<Parts>) -> Result<Plan, PlanError> {
    let stage = Stage::new("release").within(DROPPING);
    let stage = stage.step(ReleaseSchema(Arc::clone(parts))).step(Erase);
    let plan = Plan::new(vec![stage], Finish::Succeeded)?;
    Ok(plan.on_failure(OnFailure::Stay).sharing(Sharing::No))
}

/// Gives the schema back, and drops the role.
#[derive(Debug)]
struct ReleaseSchema(Arc<Parts>);

impl Step for ReleaseSchema {
    const NAME: StepName = StepName::new("release_schema");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let (tenant, mark) = (cx.tenant(), self.0.mark(cx.tenant().id));
        let what = "look whether the tenant was imported";
        let imported = kept::of(cx.tx(), &[tenant.id]).await.during(what)?;
        if imported.is_empty() {
            let told = "the tenant was made by Tenantry: there is nothing to give back";
            return Err(Refusal::told(codes::NOT_IMPORTED, told)).during(what);
        }
        let what = "begin the release";
        if !kept::begin_release(cx.tx(), tenant.id).await.during(what)? {
            return Err(superseded()).during(what);
        }
        give_up(cx.tx(), tenant, &mark).await
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Gives the schema back, and drops the tenant's role with its sessions.
pub(crate) async fn give_up(
    tx: &mut PgConnection,
    tenant: &ClaimedTenant,
    mark: &Mark,
) -> Result<(), StepError> {
    give_back(tx, tenant, mark).await?;
    let door = door::Door { role: &tenant.role, schema: &tenant.schema };
    door::end_sessions(tx, &[door]).await.during("end the sessions of the role")?;
    let leaving = removal::Leaving {
        schema: &tenant.schema,
        role: &tenant.role,
        mark: mark.clone(),
        imported: true,
    };
    drop_roles(tx, &[leaving]).await
}

/// Gives a schema that bears the tenant's mark as imported back what was found in it, and forgets that. Nothing
/// happens to any other.
pub(crate) async fn give_back(
    tx: &mut PgConnection,
    tenant: &ClaimedTenant,
    mark: &Mark,
) -> Result<(), StepError> {
    let (id, name) = (tenant.id, &tenant.schema);
    let what = "give the schema back";
    let kept = kept::of(tx, &[id]).await.during(what)?.remove(&id);
    let owner = schema::owner(tx, name).await.during(what)?;
    if let Some(kept) = kept.filter(|_| owner.is_imported(mark)) {
        if kept.own_row {
            own_row::remove(tx, name, id).await.during(what)?;
        }
        let found = kept.found.to_string();
        imports::give_back(tx, name, &tenant.role, &found).await.during(what)?;
    }
    kept::forget(tx, id).await.during(what)
}
