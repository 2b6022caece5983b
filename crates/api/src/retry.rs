//! Sets the failed and cancelled items of a finished batch going again, in one transaction.

use std::{collections::HashMap, time::Duration};

use domain::{InstallationId, ItemError, ItemId, Mode, NewTenant, OperationId, TenantId, codes};
use queue::{Bell, JobId};
use serde_json::json;
use sqlx::PgConnection;
use store::{
    audit,
    items::{self, ReleasedTenant, Requeued, Retryable},
    operations,
    tenants::{self, Wanted},
};
use tracing::info;

use crate::{
    auth::Caller,
    context::Context,
    problem::{FieldProblem, Problem},
    reserve::{conflicts, reservation, reserve_all, taken},
    submit::TRIES,
};

/// Runs what failed, was cancelled or was rolled back again; says how many items that are. All of
/// them, or nothing, when the batch is all or nothing.
///
/// # Errors
/// 404 when there is no such batch; 409 when it is not over, or nothing of it can be retried.
pub(crate) async fn retry(
    cx: &Context,
    caller: &Caller,
    batch: OperationId,
) -> Result<u64, Problem> {
    let installation = cx.installation().await?;
    let mut tries = 1;
    loop {
        match once(cx, installation, caller, batch).await {
            // A name taken at this very moment counts as taken in the next try.
            Err(p) if (p.is_collision() || p.is_unique_violation()) && tries < TRIES => tries += 1,
            Err(p) if p.is_unique_violation() => return Err(Problem::try_again()),
            done => return done,
        }
    }
}

async fn once(
    cx: &Context,
    installation: &InstallationId,
    caller: &Caller,
    batch: OperationId,
) -> Result<u64, Problem> {
    let mut tx = cx.pool().begin().await?;
    let state = operations::lock(&mut tx, batch).await?;
    let state = state.ok_or_else(|| Problem::batch_not_found(batch))?;
    if !state.is_final() {
        return Err(Problem::batch_open(batch, state));
    }
    let candidates = items::retryable(&mut tx, batch).await?;
    let places = candidates.iter().map(|item| (item.id, item.index)).collect();
    let (again, refused) = reserve_again(&mut tx, cx, installation, candidates).await?;
    if again.is_empty() && refused.is_empty() {
        return Err(Problem::nothing_to_retry(batch));
    }
    whole_if_it_must_be(&mut tx, batch, places, &again, &refused).await?;
    if again.is_empty() {
        return Err(Problem::nothing_to_retry(batch));
    }
    let (requeued, jobs) = with_jobs(again);
    items::refuse(&mut tx, &refused).await?;
    let timeout = Duration::from_secs(cx.settings().tenants.batch_timeout_secs);
    let moved = items::requeue(&mut tx, &requeued).await? == requeued.len() as u64
        && operations::retry(&mut tx, batch, timeout).await?;
    if !moved {
        return Err(Problem::try_again());
    }
    let ahead = operations::ahead(&mut tx, batch).await?;
    queue::enqueue_behind(&mut tx, &jobs, Duration::ZERO, ahead).await?;
    let detail = json!({ "from": state, "retried": jobs.len(), "refused": refused.len() });
    let entry = caller.did("operation.retried");
    audit::append(&mut tx, audit::Entry { operation: Some(batch), detail, ..entry }).await?;
    tx.commit().await?;
    cx.ring(Bell::Jobs).await;
    info!(operation.id = %batch, retried = jobs.len(), "batch {batch} set going again");
    Ok(u64::try_from(jobs.len()).unwrap_or(u64::MAX))
}

/// Says which items keep a batch that is all or nothing from running again.
///
/// # Errors
/// 409 when there are such.
async fn whole_if_it_must_be(
    conn: &mut PgConnection,
    batch: OperationId,
    mut places: HashMap<ItemId, u32>,
    again: &[Again],
    refused: &[(ItemId, ItemError)],
) -> Result<(), Problem> {
    let found =
        operations::find(conn, batch).await?.ok_or_else(|| Problem::batch_not_found(batch))?;
    if found.mode == Mode::Independent || again.len() as u64 == found.total {
        return Ok(());
    }
    for item in again {
        places.remove(&item.item);
    }
    let reason = |item: &ItemId| refused.iter().find(|(id, _)| id == item).map(|(_, error)| error);
    let mut errors: Vec<(u32, FieldProblem)> = places
        .iter()
        .map(|(item, index)| {
            let (code, message) = match reason(item) {
                Some(error) => (error.code.as_str().to_owned(), error.message.clone()),
                None => ("not_retryable".to_owned(), "can never succeed unchanged".to_owned()),
            };
            let pointer = format!("/results/{index}");
            (*index, FieldProblem { pointer, code: code.into(), message })
        })
        .collect();
    errors.sort_by_key(|(index, _)| *index);
    let errors = errors.into_iter().map(|(_, error)| error).collect();
    Err(Problem::not_all_retryable(batch).with_errors(errors))
}

/// An item whose names are reserved again.
struct Again {
    item: ItemId,
    tenant: TenantId,
    domain: String,
    schema: String,
}

/// The items whose names could be reserved again, and why the others' could not.
type Outcome = (Vec<Again>, Vec<(ItemId, ItemError)>);

async fn reserve_again(
    conn: &mut PgConnection,
    cx: &Context,
    installation: &InstallationId,
    candidates: Vec<Retryable>,
) -> Result<Outcome, Problem> {
    let mut released = Vec::new();
    let mut never_reserved = Vec::new();
    for candidate in candidates {
        match candidate.tenant {
            Some(tenant) => released.push((candidate.id, tenant)),
            // What was refused for its form is refused again; only names can become free.
            None if was_only_taken(candidate.code.as_deref()) => {
                if let Ok(tenant) = NewTenant::parse(candidate.request.get(), cx.policy()) {
                    never_reserved.push((candidate.id, tenant));
                }
            }
            None => {}
        }
    }
    let (mut again, mut refused) = revive(conn, released).await?;
    let (fresh, still_taken) = reserve_first(conn, cx, installation, never_reserved).await?;
    again.extend(fresh);
    refused.extend(still_taken);
    Ok((again, refused))
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

async fn revive(
    conn: &mut PgConnection,
    released: Vec<(ItemId, ReleasedTenant)>,
) -> Result<Outcome, Problem> {
    if released.is_empty() {
        return Ok(Outcome::default());
    }
    let ids: Vec<TenantId> = released.iter().map(|(_, tenant)| tenant.id).collect();
    let revived = tenants::revive(conn, &ids).await?;
    let lost: Vec<Wanted> = released
        .iter()
        .filter(|(_, tenant)| !revived.contains(&tenant.id))
        .map(|(_, tenant)| names_of(tenant))
        .collect();
    let conflicts = conflicts(conn, &lost).await?;
    let mut outcome = Outcome::default();
    for (item, tenant) in released {
        match conflicts.get(&tenant.id) {
            None => outcome.0.push(Again {
                item,
                tenant: tenant.id,
                domain: tenant.domain,
                schema: tenant.schema.as_str().to_owned(),
            }),
            Some(conflict) => outcome.1.push((item, taken(*conflict))),
        }
    }
    Ok(outcome)
}

fn names_of(tenant: &ReleasedTenant) -> Wanted {
    Wanted {
        id: tenant.id,
        domain: tenant.domain.clone(),
        schema: tenant.schema.as_str().to_owned(),
        external_id: tenant.external_id.clone(),
    }
}

async fn reserve_first(
    conn: &mut PgConnection,
    cx: &Context,
    installation: &InstallationId,
    tenants: Vec<(ItemId, NewTenant)>,
) -> Result<Outcome, Problem> {
    let ids = tenants::allocate_ids(conn, tenants.len()).await?;
    let mut wanted = Vec::with_capacity(ids.len());
    let mut items = Vec::with_capacity(ids.len());
    for ((item, tenant), id) in tenants.into_iter().zip(ids) {
        items.push(item);
        wanted.push(reservation(cx, installation, id, tenant)?);
    }
    let outcomes = reserve_all(conn, wanted).await?;
    let mut outcome = Outcome::default();
    for (item, reserved) in items.into_iter().zip(outcomes) {
        match reserved {
            Ok(r) => outcome.0.push(Again {
                item,
                tenant: r.id,
                domain: r.domain,
                schema: r.schema.as_str().to_owned(),
            }),
            Err(error) => outcome.1.push((item, error)),
        }
    }
    Ok(outcome)
}

fn with_jobs(again: Vec<Again>) -> (Vec<Requeued>, Vec<(ItemId, JobId)>) {
    again
        .into_iter()
        .map(|a| {
            let job = JobId::mint();
            let requeued = Requeued {
                id: a.item,
                tenant: a.tenant,
                domain: a.domain,
                schema: a.schema,
                job: job.to_string(),
            };
            (requeued, (a.item, job))
        })
        .unzip()
}
