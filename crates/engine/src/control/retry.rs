//! Runs the failed and cancelled items of a finished operation again, in one transaction.

use std::{collections::HashMap, time::Duration};

use domain::{
    Import, ItemError, ItemId, Kind, Mode, NewTenant, OperationId, SettingsPolicy, TenantId, codes,
};
use queue::{Bell, Line};
use serde_json::json;
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    births::Begin,
    items::{self, ReleasedTenant, Requeued, Retryable, Waiters},
    operations::{self, Operation},
    rollouts,
    tenants::{self, Wanted},
};
use tracing::info;

use super::{
    ControlError, births,
    error::{begin, patiently},
    names::{conflicts, reservation, reserve_all, taken},
    promote::is_halted,
    rollout::move_on,
    wake::{locked, wake},
};

/// What a retry needs to know beside its operation.
#[derive(Debug, Clone, Copy)]
pub struct Retry<'a> {
    /// Which failures; the others stay as they are.
    pub group: &'a Group,
    /// What tenants may ask for.
    pub policy: &'a SettingsPolicy,
    /// What the names of schemas begin with that the caller left out.
    pub schema_prefix: &'a str,
    /// How long the operation has from now on, if it makes tenants; others have no deadline.
    pub timeout: Duration,
}

/// Failures of one kind; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Those with this error code.
    pub code: Option<String>,
    /// Those that failed in this step.
    pub step: Option<String>,
}

impl Group {
    fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// Runs what failed, was cancelled or was rolled back again; says how many items that are. All of
/// them, or nothing, when the operation is atomic.
///
/// # Errors
/// When there is no such operation; when it is neither over nor a rollout that halted, or nothing of it can be
/// retried.
pub async fn retry(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    how: Retry<'_>,
) -> Result<usize, ControlError> {
    let retried = patiently(|| once(pool, by, operation, how)).await;
    retried.map_err(|e| if e.is_unique_violation() { ControlError::TryAgain } else { e })
}

async fn once(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    how: Retry<'_>,
) -> Result<usize, ControlError> {
    let mut tx = begin(pool, by).await?;
    let state = locked(&mut tx, operation).await?;
    let goes_on = is_halted(&mut tx, operation).await?;
    if !state.is_final() && !goes_on {
        return Err(ControlError::Open(operation, state));
    }
    let Group { code, step } = how.group;
    let candidates = items::retryable(&mut tx, operation, code.as_deref(), step.as_deref()).await?;
    let places = candidates.iter().map(|item| (item.id, item.index)).collect();
    let found = operations::find(&mut tx, operation).await?;
    let found = found.ok_or(ControlError::NotFound(operation))?;
    let new = found.kind.makes_tenants();
    let Reserved { again, refused } = match new {
        true => reserve_again(&mut tx, how, found.kind, candidates).await?,
        false => as_they_are(candidates),
    };
    let nothing = || ControlError::NothingToRetry(operation, !how.group.is_all());
    if again.is_empty() && refused.is_empty() {
        return Err(nothing());
    }
    whole_if_it_must_be(&found, how.group, places, &again, &refused)?;
    if again.is_empty() {
        return Err(nothing());
    }
    items::refuse(&mut tx, &refused).await?;
    let moved = items::requeue(&mut tx, &again).await? == again.len() as u64
        && (goes_on || operations::retry(&mut tx, operation, new.then_some(how.timeout)).await?);
    if !moved {
        return Err(ControlError::TryAgain);
    }
    births::begin(&mut tx, by, operation, Begin::Again).await?;
    if found.rollout.is_some() {
        rollouts::rewind(&mut tx, operation).await?;
        wake(&mut tx, Waiters::Operation(operation)).await?;
        move_on(&mut tx, by, operation).await?;
    } else {
        line_up(&mut tx, &found, &again).await?;
    }
    let retried = again.len();
    let detail = json!({
        "from": state, "retried": retried, "refused": refused.len(), "code": code, "step": step,
    });
    let entry = by.did("operation.retried");
    audit::append(&mut tx, audit::Entry { operation: Some(operation), detail, ..entry }).await?;
    tx.commit().await?;
    queue::ring(pool, Bell::Jobs).await;
    info!(operation.id = %operation, retried, "operation {operation} is tried again");
    Ok(retried)
}

/// Gives the items their jobs.
async fn line_up(
    conn: &mut PgConnection,
    operation: &Operation,
    again: &[Requeued],
) -> sqlx::Result<()> {
    let ahead = operations::ahead(conn, operation.id).await?;
    let ids: Vec<(ItemId, Kind)> = again.iter().map(|item| (item.id, operation.kind)).collect();
    Line::new(Duration::ZERO, ahead).add(conn, &ids).await
}

/// Says which items keep an atomic operation from running again.
fn whole_if_it_must_be(
    operation: &Operation,
    group: &Group,
    mut places: HashMap<ItemId, u32>,
    again: &[Requeued],
    refused: &[(ItemId, ItemError)],
) -> Result<(), ControlError> {
    if operation.mode == Mode::Independent || again.len() as u64 == operation.total {
        return Ok(());
    }
    if !group.is_all() {
        return Err(ControlError::OnlyWhole(operation.id));
    }
    for item in again {
        places.remove(&item.id);
    }
    let why = |item| refused.iter().find(|(id, _)| *id == item).map(|(_, error)| error.clone());
    let mut errors: Vec<_> = places.into_iter().map(|(item, index)| (index, why(item))).collect();
    errors.sort_by_key(|(index, _)| *index);
    Err(ControlError::NotAllRetryable(operation.id, errors))
}

/// The items whose names could be reserved again, and why the others' could not.
#[derive(Debug, Default)]
struct Reserved {
    again: Vec<Requeued>,
    refused: Vec<(ItemId, ItemError)>,
}

/// Of tenants that are there: they have their names.
fn as_they_are(candidates: Vec<Retryable>) -> Reserved {
    let again = candidates.into_iter().filter_map(|item| Some(requeued(item.id, item.tenant?)));
    Reserved { again: again.collect(), refused: Vec::new() }
}

fn requeued(id: ItemId, tenant: ReleasedTenant) -> Requeued {
    let schema = tenant.schema.as_str().to_owned();
    Requeued { id, tenant: tenant.id, domain: tenant.domain, schema }
}

async fn reserve_again(
    conn: &mut PgConnection,
    how: Retry<'_>,
    kind: Kind,
    candidates: Vec<Retryable>,
) -> Result<Reserved, ControlError> {
    let mut released = Vec::new();
    let mut never_reserved = Vec::new();
    for candidate in candidates {
        match candidate.tenant {
            Some(tenant) => released.push((candidate.id, tenant)),
            // What was refused for its form is refused again; only names can become free.
            None if was_only_taken(candidate.code.as_deref()) => {
                let request = candidate.request.get();
                let tenant = match kind {
                    Kind::Import => Import::parse(request, how.policy).map(|(tenant, _)| tenant),
                    _ => NewTenant::parse(request, how.policy),
                };
                never_reserved.extend(tenant.ok().map(|tenant| (candidate.id, tenant)));
            }
            None => {}
        }
    }
    let mut reserved = Reserved::default();
    revive(conn, released, &mut reserved).await?;
    reserve_first(conn, how.schema_prefix, never_reserved, &mut reserved).await?;
    Ok(reserved)
}

fn was_only_taken(code: Option<&str>) -> bool {
    let nothing_wrong_with_it = [
        codes::DOMAIN_TAKEN,
        codes::SCHEMA_TAKEN,
        codes::EXTERNAL_ID_TAKEN,
        codes::NAME_TAKEN,
        codes::BATCH_ROLLED_BACK,
    ];
    code.is_some_and(|code| nothing_wrong_with_it.iter().any(|c| c.as_str() == code))
}

/// Reserves the names of tenants that had them before.
async fn revive(
    conn: &mut PgConnection,
    released: Vec<(ItemId, ReleasedTenant)>,
    reserved: &mut Reserved,
) -> sqlx::Result<()> {
    if released.is_empty() {
        return Ok(());
    }
    let ids: Vec<TenantId> = released.iter().map(|(_, tenant)| tenant.id).collect();
    let revived = tenants::revive(conn, &ids).await?;
    let lost = released.iter().filter(|(_, tenant)| !revived.contains(&tenant.id));
    let lost: Vec<Wanted> = lost.map(|(_, tenant)| names_of(tenant)).collect();
    let conflicts = conflicts(conn, &lost).await?;
    for (id, tenant) in released {
        match conflicts.get(&tenant.id) {
            None => reserved.again.push(requeued(id, tenant)),
            Some(conflict) => reserved.refused.push((id, taken(*conflict))),
        }
    }
    Ok(())
}

fn names_of(tenant: &ReleasedTenant) -> Wanted {
    Wanted {
        id: tenant.id,
        domain: tenant.domain.clone(),
        schema: tenant.schema.as_str().to_owned(),
        external_id: tenant.external_id.clone(),
    }
}

/// Reserves the names of tenants that were refused at submission.
async fn reserve_first(
    conn: &mut PgConnection,
    schema_prefix: &str,
    tenants: Vec<(ItemId, NewTenant)>,
    reserved: &mut Reserved,
) -> Result<(), ControlError> {
    if tenants.is_empty() {
        return Ok(());
    }
    let installation = store::installation(conn).await?;
    let ids = tenants::allocate_ids(conn, tenants.len()).await?;
    let mut wanted = Vec::with_capacity(ids.len());
    let mut items = Vec::with_capacity(ids.len());
    for ((item, tenant), id) in tenants.into_iter().zip(ids) {
        items.push(item);
        wanted.push(reservation(schema_prefix, &installation, id, tenant)?);
    }
    let outcomes = reserve_all(conn, wanted).await?;
    for (id, outcome) in items.into_iter().zip(outcomes) {
        match outcome {
            Ok(r) => {
                let (tenant, schema) = (r.id, r.schema.as_str().to_owned());
                reserved.again.push(Requeued { id, tenant, domain: r.domain, schema });
            }
            Err(error) => reserved.refused.push((id, error)),
        }
    }
    Ok(())
}
