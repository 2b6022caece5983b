//! Kind `purge`: a tenant whose grace is over is dropped, and what is personal of it is erased.
//!
//! The pivot is a stage of its own, so that a tenant of which nothing can be dropped waits for an operator
//! (`stuck`) and is not tried for ever. Whatever is somebody else's stops it before anything is dropped.

use std::{sync::Arc, time::Duration};

use domain::{SchemaName, codes};
use engine::{
    During, Finish, GroupCx, OnFailure, Place, Plan, PlanError, Sharing, Stage, Step, StepCx,
    StepError, StepName,
};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use store::{
    ErrorClass, imports,
    items::Claim,
    tenants::{self, Erased},
};
use tenantdb::removal::{self, AT_ONCE, Leaving, Remains};

use crate::{
    Parts,
    limits::DROPPING,
    refusal::{Refusal, superseded},
    release,
    suspend::items,
};

/// Longest time for all portions of one tenant in one try.
const PORTIONS_TIME: Duration = Duration::from_secs(600);

/// Tenants that are dropped in one transaction, at most.
const TOGETHER: usize = 24;

/// Tenants that are dropped by one message, at most: new tenants wait for no more than that.
const A_FEW: usize = 6;

/// The plan; a tenant that is large is emptied in portions, each a transaction of its own.
pub(crate) fn plan(parts: &Arc<Parts>, is_large: bool) -> Result<Plan, PlanError> {
    let drop = || DropTenant { parts: Arc::clone(parts) };
    let mut stages = vec![Stage::new("begin").within(DROPPING).pivot().step(Begin)];
    if is_large {
        let portions = Stage::new("empty").at(Place::Outside(PORTIONS_TIME)).within(DROPPING);
        stages.push(portions.step(DropPortions(drop())));
    }
    stages.push(Stage::new("drop").within(DROPPING).step(drop()).step(Erase));
    let plan = Plan::new(stages, Finish::Succeeded)?.on_failure(OnFailure::Stay);
    Ok(if is_large { plan } else { plan.sharing(Sharing::UpTo(TOGETHER)) })
}

/// Makes sure that the tenant is to be dropped now. What keeps it from being dropped is an operator's from here on.
#[derive(Debug)]
struct Begin;

/// Records that the drop begins: from here on nothing brings the tenant back. Somebody may have asked for that since
/// the last look, and then nothing is dropped.
async fn begin(claims: &[Claim], tx: &mut PgConnection) -> Result<(), StepError> {
    let what = "begin the drop";
    let begun = tenants::begin_purge(tx, &items(claims)).await.during(what)?;
    if begun.len() == claims.len() { Ok(()) } else { Err(superseded()).during(what) }
}

impl Step for Begin {
    const NAME: StepName = StepName::new("begin_purge");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let what = "look whether it is to be dropped";
        let claims = cx.claims();
        let ripe = tenants::ripe(cx.tx(), &items(claims)).await.during(what)?;
        if ripe.len() == claims.len() { Ok(()) } else { Err(superseded()).during(what) }
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Drops the schema and the role.
#[derive(Debug)]
struct DropTenant {
    parts: Arc<Parts>,
}

impl DropTenant {
    fn leaving<'a>(&self, claim: &'a Claim, imported: bool) -> Leaving<'a> {
        let (tenant, mark) = (&claim.tenant, self.parts.mark(claim.tenant.id));
        Leaving { schema: &tenant.schema, role: &tenant.role, mark, imported }
    }

    /// What is to be dropped of the tenants, and the others: imported ones, whose schemas are given back.
    async fn sorted<'a>(
        &self,
        claims: &'a [Claim],
        tx: &mut PgConnection,
    ) -> Result<(Vec<Leaving<'a>>, Vec<&'a Claim>), StepError> {
        let ids: Vec<_> = claims.iter().map(|claim| claim.tenant.id).collect();
        let kept = imports::of(tx, &ids).await.during("look which tenants were imported")?;
        let (mut leaving, mut given_back) = (Vec::new(), Vec::new());
        for claim in claims {
            match kept.get(&claim.tenant.id) {
                Some(kept) if !kept.drop_too => given_back.push(claim),
                imported => leaving.push(self.leaving(claim, imported.is_some())),
            }
        }
        Ok((leaving, given_back))
    }

    /// Those of the schemas that are there, once it is sure that nothing is lost but the tenants' own.
    async fn ours<'a>(
        tx: &mut PgConnection,
        leaving: &[Leaving<'a>],
    ) -> Result<Vec<(&'a SchemaName, Remains)>, StepError> {
        let schemas: Vec<&SchemaName> = leaving.iter().map(|it| it.schema).collect();
        let found = removal::remains(tx, &schemas).await.during("look what is there")?;
        for (remains, it) in found.iter().zip(leaving) {
            if let Some(why) = remains.refusal(it) {
                return Err(not_ours(&why)).during("look what is there");
            }
        }
        let there = |(_, remains): &(_, Remains)| remains.owner != tenantdb::Owner::Nobody;
        Ok(schemas.into_iter().zip(found).filter(there).collect())
    }

    async fn drop_all(&self, claims: &[Claim], tx: &mut PgConnection) -> Result<(), StepError> {
        let (leaving, given_back) = self.sorted(claims, tx).await?;
        let ours = Self::ours(tx, &leaving).await?;
        let objects: usize = ours.iter().map(|(_, remains)| remains.objects).sum();
        if claims.len() > 1 && objects > AT_ONCE {
            // Each by itself takes fewer of the server's locks.
            return Err(too_many()).during("look what is there");
        }
        begin(claims, tx).await?;
        for claim in given_back {
            release::give_up(tx, &claim.tenant, &self.parts.mark(claim.tenant.id)).await?;
        }
        let schemas: Vec<&SchemaName> = ours.iter().map(|(schema, _)| *schema).collect();
        for some in schemas.chunks(A_FEW) {
            self.parts.making().give_way().await;
            removal::drop_schemas(tx, some).await.during("drop the schema")?;
        }
        drop_roles(tx, &leaving).await
    }
}

impl Step for DropTenant {
    const NAME: StepName = StepName::new("drop_tenant");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        self.drop_all(cx.claims(), cx.tx()).await
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Empties the schema, a portion in each transaction: the server's table of locks is everybody's.
#[derive(Debug)]
struct DropPortions(DropTenant);

impl Step for DropPortions {
    const NAME: StepName = StepName::new("drop_portions");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        let claims = std::slice::from_ref(cx.claim());
        let (leaving, _) = self.0.sorted(claims, cx.tx()).await?;
        let Some(leaving) = leaving.first() else { return Ok(()) };
        loop {
            let what = "drop a portion";
            let mut tx = cx.tx().begin().await.during(what)?;
            if DropTenant::ours(&mut tx, std::slice::from_ref(leaving)).await?.is_empty() {
                return Ok(());
            }
            begin(claims, &mut tx).await?;
            if !removal::drop_portion(&mut tx, leaving.schema).await.during(what)? {
                return Ok(());
            }
            tx.commit().await.during(what)?;
        }
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Erases what is personal, and makes the tenant `deleted`.
#[derive(Debug)]
pub(crate) struct Erase;

impl Step for Erase {
    const NAME: StepName = StepName::new("erase");

    async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
        cx.as_group(self).await
    }

    async fn apply_all(&self, cx: &mut GroupCx<'_>) -> Result<(), StepError> {
        let ids: Vec<_> = cx.claims().iter().map(|claim| claim.tenant.id).collect();
        let what = "erase what is personal";
        let mut erased = tenants::erase(cx.tx(), &ids).await.during(what)?;
        if erased.len() < ids.len() {
            return Err(superseded()).during(what);
        }
        erased.sort_by_key(|it| ids.iter().position(|id| *id == it.tenant));
        for (place, it) in erased.into_iter().enumerate() {
            let Erased { keys, items, attempts, audit, names_held_until, .. } = it;
            let result = json!({
                "erased": { "keys": keys, "items": items, "attempts": attempts, "audit": audit },
                "names_held_until": names_held_until,
            });
            cx.note(place, &result, Some("tenant.deleted"));
        }
        Ok(())
    }

    /// A plan that stays where it failed undoes nothing.
    async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

/// Drops tenants' roles. It is an error when a role does not bear our mark, or when something outside of the schema
/// still depends on it.
pub(crate) async fn drop_roles(
    tx: &mut PgConnection,
    leaving: &[Leaving<'_>],
) -> Result<(), StepError> {
    let left = match removal::drop_roles(tx, leaving).await {
        Err(error) if let Some(why) = still_needed(&error) => {
            return Err(not_ours(&why)).during("drop the role");
        }
        left => left.during("drop the role")?,
    };
    match left.first() {
        None => Ok(()),
        Some((_, why)) => Err(not_ours(why)).during("drop the role"),
    }
}

/// What a role has that keeps it from being dropped, if that is the error.
fn still_needed(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error().filter(|it| it.code().as_deref() == Some("2BP01"))?;
    let detail = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?.detail();
    let detail = detail.unwrap_or_default().replace('\n', "; ");
    Some(format!("{}: {detail}", error.message()))
}

/// The log does not say more: the schema's name may be that of a customer.
fn not_ours(told: &str) -> Refusal {
    Refusal::permanent(codes::NOT_OURS, "something of somebody else's is in the way").telling(told)
}

fn too_many() -> Refusal {
    let why = "these tenants have too many objects for one transaction";
    Refusal { class: ErrorClass::Transient, ..Refusal::permanent(codes::INTERNAL, why) }
}
