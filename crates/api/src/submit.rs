//! Makes a submission a batch: one transaction, the same number of statements whatever its size.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    BatchId, InstallationId, ItemError, ItemId, ItemState, Mode, NewBatch, NewItem, NewTenant,
    RoleName, SchemaName, TenantId, codes,
};
use queue::JobId;
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::{
    audit, batches, idempotency,
    items::{self, NewItemRow},
    tenants::{self, Conflict, Reservation, Wanted},
};
use tracing::{debug, info};

use crate::{
    all_or_nothing::{self, Reserved, reserve_all_or_none},
    auth::Caller,
    context::Context,
    problem::Problem,
    schedule,
};

/// Tries of one submission that meets others over the same names.
pub(crate) const TRIES: u32 = 3;

/// A submission that has been read.
pub(crate) struct Submission<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) batch: &'a NewBatch,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// The idempotency key, and what it stands for.
    pub(crate) key: Option<(&'a str, [u8; 32])>,
}

/// What a submission became.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submitted {
    pub(crate) batch: BatchId,
    /// Whether the same request made it before.
    pub(crate) replayed: bool,
}

/// Records the batch, reserves its names and queues its jobs; or finds the batch that the same
/// request became before.
///
/// # Errors
/// 422 when the key stands for another request, or the time to start is past; 503 when the database does not answer.
pub(crate) async fn submit(
    cx: &Context,
    submission: &Submission<'_>,
) -> Result<Submitted, Problem> {
    let installation = cx.installation().await?;
    let mut tries = 1;
    loop {
        match once(cx, installation, submission).await {
            Err(problem) if problem.is_collision() && tries < TRIES => {
                debug!(tries, "a submission met another over the same names, trying again");
                tries += 1;
            }
            done => return done,
        }
    }
}

async fn once(
    cx: &Context,
    installation: &InstallationId,
    submission: &Submission<'_>,
) -> Result<Submitted, Problem> {
    let batch = BatchId::mint();
    let mut tx = cx.pool().begin().await?;
    if let Some((key, body_hash)) = &submission.key {
        let caller = submission.caller.id;
        let claim = idempotency::Claim { caller, key, body_hash, batch };
        if !idempotency::claim(&mut tx, claim).await? {
            return replay(&mut tx, submission.caller, key, body_hash).await;
        }
    }
    schedule::check(submission.run_at)?;
    let outcomes = match submission.batch.mode {
        Mode::Independent => reserve(&mut tx, cx, installation, submission.batch).await?,
        Mode::Atomic => reserve_all_or_none(&mut tx, cx, installation, submission.batch).await?,
    };
    let total = submission.batch.items.len();
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    record(&mut tx, cx, batch, submission, outcomes).await?;
    let detail = json!({
        "mode": submission.batch.mode, "total": total, "accepted": accepted,
        "refused": total - accepted, "run_at": submission.run_at,
    });
    let entry = submission.caller.did("batch.submitted");
    audit::append(&mut tx, audit::Entry { batch: Some(batch), detail, ..entry }).await?;
    tx.commit().await?;
    info!(batch.id = %batch, total, accepted, "batch {batch} submitted: {accepted} of {total} accepted");
    Ok(Submitted { batch, replayed: false })
}

/// Writes the batch and its items, and gives those that can begin their jobs; ends a batch that
/// has nothing to do.
async fn record(
    conn: &mut PgConnection,
    cx: &Context,
    batch: BatchId,
    submission: &Submission<'_>,
    outcomes: Reserved,
) -> Result<(), Problem> {
    let refused_whole = match submission.batch.mode {
        Mode::Independent => None,
        Mode::Atomic => all_or_nothing::culprit(&outcomes),
    };
    let counts = all_or_nothing::counts(&outcomes);
    let nothing_to_do = outcomes.iter().all(Result::is_err);
    batches::insert(conn, new_batch_row(cx, batch, submission)).await?;
    let jobs = insert_items(conn, batch, submission, outcomes).await?;
    if let Some(culprit) = refused_whole {
        batches::end_refused(conn, batch, culprit, counts).await?;
    } else if nothing_to_do {
        // Nothing is open, so nobody else will end it.
        batches::settle(conn, batch).await?;
    }
    // Those of a batch for later are made when its time has come.
    queue::enqueue(conn, &jobs, Duration::ZERO).await?;
    Ok(())
}

async fn replay(
    conn: &mut PgConnection,
    caller: &Caller,
    key: &str,
    body_hash: &[u8; 32],
) -> Result<Submitted, Problem> {
    let first = idempotency::find(conn, caller.id, key).await?;
    // Gone only if it was pruned this very moment.
    let first = first.ok_or_else(Problem::try_again)?;
    if first.body_hash != body_hash {
        let message = "this Idempotency-Key came with another request before; use a new one";
        let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "idempotency_key_reused", message));
    }
    Ok(Submitted { batch: first.batch, replayed: true })
}

fn new_batch_row(cx: &Context, id: BatchId, submission: &Submission<'_>) -> batches::NewBatchRow {
    batches::NewBatchRow {
        id,
        mode: submission.batch.mode,
        total: submission.batch.items.len(),
        created_by: Some(submission.caller.id),
        run_at: submission.run_at,
        timeout: Duration::from_secs(cx.settings().tenants.batch_timeout_secs),
    }
}

/// For each item, in their order: the names reserved for it, or why there are none.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn reserve(
    conn: &mut PgConnection,
    cx: &Context,
    installation: &InstallationId,
    batch: &NewBatch,
) -> Result<Reserved, Problem> {
    let accepted: Vec<&NewTenant> = batch.accepted().map(|(_, tenant)| tenant).collect();
    let ids = tenants::allocate_ids(conn, accepted.len()).await?;
    let mut wanted = Vec::with_capacity(ids.len());
    for (tenant, id) in accepted.into_iter().zip(ids) {
        wanted.push(reservation(cx, installation, id, tenant)?);
    }
    let mut reserved = reserve_all(conn, wanted).await?.into_iter();
    Ok(batch
        .items
        .iter()
        .map(|item| match &item.outcome {
            Ok(_) => reserved.next().expect("every accepted item was reserved or refused"),
            Err(error) => Err(error.clone()),
        })
        .collect())
}

/// The names `tenant` gets as tenant `id`.
///
/// # Errors
/// 500 when the configured prefix makes no schema name.
pub(crate) fn reservation(
    cx: &Context,
    installation: &InstallationId,
    id: TenantId,
    tenant: &NewTenant,
) -> Result<Reservation, Problem> {
    let schema = match &tenant.schema {
        Some(schema) => schema.clone(),
        None => SchemaName::derive(&cx.settings().tenants.schema_prefix, &tenant.name, id)
            .map_err(Problem::internal)?,
    };
    Ok(Reservation {
        id,
        name: tenant.name.as_str().to_owned(),
        description: tenant.description.clone(),
        domain: tenant.domain.as_str().to_owned(),
        schema,
        role: RoleName::of(installation, id),
        external_id: tenant.external_id.as_ref().map(|id| id.as_str().to_owned()),
        settings: serde_json::to_value(&tenant.settings).map_err(Problem::internal)?,
    })
}

/// Reserves what is free; for the rest, says what of it is taken. In the order of `wanted`.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn reserve_all(
    conn: &mut PgConnection,
    wanted: Vec<Reservation>,
) -> Result<Reserved, Problem> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let reserved = tenants::reserve(conn, &wanted).await?;
    let refused: Vec<Wanted> =
        wanted.iter().filter(|w| !reserved.contains(&w.id)).map(names_of).collect();
    let conflicts = conflicts(conn, &refused).await?;
    Ok(wanted
        .into_iter()
        .map(|w| match conflicts.get(&w.id) {
            None => Ok(w),
            Some(conflict) => Err(taken(*conflict)),
        })
        .collect())
}

/// What of `refused` is taken; asks only if there are any.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn conflicts(
    conn: &mut PgConnection,
    refused: &[Wanted],
) -> sqlx::Result<HashMap<TenantId, Conflict>> {
    if refused.is_empty() { Ok(HashMap::new()) } else { tenants::conflicts(conn, refused).await }
}

fn names_of(reservation: &Reservation) -> Wanted {
    Wanted {
        id: reservation.id,
        domain: reservation.domain.clone(),
        schema: reservation.schema.as_str().to_owned(),
        external_id: reservation.external_id.clone(),
    }
}

/// Says which name is taken, and never by whom.
pub(crate) fn taken(conflict: Conflict) -> ItemError {
    let (code, what) = match conflict {
        Conflict { domain: true, .. } => (codes::DOMAIN_TAKEN, "domain"),
        Conflict { schema: true, .. } => (codes::SCHEMA_TAKEN, "schema_name"),
        Conflict { external_id: true, .. } => (codes::EXTERNAL_ID_TAKEN, "external_id"),
        Conflict { .. } => {
            let message = "a name was in use at the moment of submission and is free again";
            let error = ItemError::rejected(codes::NAME_TAKEN, message);
            return ItemError { retryable: true, ..error };
        }
    };
    ItemError::rejected(code, format!("the {what} is in use by another tenant"))
}

async fn insert_items(
    conn: &mut PgConnection,
    batch: BatchId,
    submission: &Submission<'_>,
    outcomes: Reserved,
) -> Result<Vec<(ItemId, JobId)>, Problem> {
    let items = &submission.batch.items;
    let mut jobs: HashMap<u32, JobId> = HashMap::new();
    let mut rows = Vec::with_capacity(items.len());
    for (item, outcome) in items.iter().zip(outcomes) {
        if outcome.is_ok() && submission.run_at.is_none() {
            jobs.insert(item.index, JobId::mint());
        }
        rows.push(new_item_row(item, outcome, jobs.get(&item.index)));
    }
    let ids = items::insert(conn, batch, &rows, submission.run_at).await?;
    Ok(ids.into_iter().filter_map(|(index, id)| Some((id, *jobs.get(&index)?))).collect())
}

fn new_item_row(
    item: &NewItem,
    outcome: Result<Reservation, ItemError>,
    job: Option<&JobId>,
) -> NewItemRow {
    let text = |field: &str| item.request.get(field).and_then(Value::as_str).map(shortened);
    let row = NewItemRow {
        index: item.index,
        state: ItemState::Queued,
        request: item.request.clone(),
        tenant_name: text("tenant_name"),
        domain: text("domain"),
        schema: None,
        tenant: None,
        job: job.map(ToString::to_string),
        error: None,
    };
    match outcome {
        Ok(reservation) => NewItemRow {
            domain: Some(reservation.domain),
            schema: Some(reservation.schema.as_str().to_owned()),
            tenant: Some(reservation.id),
            ..row
        },
        Err(error) => {
            let because_of_another = all_or_nothing::is_rolled_back(&error);
            let state = if because_of_another { ItemState::Cancelled } else { ItemState::Failed };
            NewItemRow { state, error: Some(error), ..row }
        }
    }
}

/// The start of a text that may be anything: it is only shown.
fn shortened(text: &str) -> String {
    text.chars().take(255).collect()
}
