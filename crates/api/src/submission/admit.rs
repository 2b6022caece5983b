//! Admits a submission: one transaction reserves its names, records its items and queues its jobs.
//!
//! Every table gets its rows by `unnest`, a chunk of tenants at a time, so the number of statements
//! does not depend on the batch's size up to 4,096 tenants.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    InstallationId, ItemError, ItemState, Kind, Mode, NewBatch, NewItem, OperationId, Request,
    codes,
};
use engine::control::{reservation, reserve_all};
use queue::{Bell, Line};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use store::{
    audit,
    items::{self, NewItemRow},
    operations,
    tenants::{self, Reservation},
};
use tracing::{debug, info};

use super::{
    atomic,
    idempotency::{self, Key, fingerprint},
    parse::{self, Chunks},
    read::{Slices, with_time},
};
use crate::{
    context::Context,
    http::{auth::Caller, problem::Problem},
};

/// Tries of one submission that meets others over the same names.
const TRIES: u32 = 3;

/// A submission that has arrived.
pub(crate) struct Submission<'a> {
    pub(crate) caller: &'a Caller,
    /// Keeps it apart from other calls with the same body and key.
    pub(crate) call: &'static str,
    /// One that makes its tenants.
    pub(crate) kind: Kind,
    /// At least one.
    pub(crate) tenants: Arc<Slices>,
    pub(crate) mode: Mode,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Its `Idempotency-Key`.
    pub(crate) key: Option<&'a str>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Submitted {
    pub(crate) batch: OperationId,
    /// Whether the same request made it before.
    pub(crate) replayed: bool,
}

/// Records the batch, reserves its names and queues its jobs; or finds the batch that the same
/// request became before.
///
/// # Errors
/// 422 when the key stands for another request, or the time to start is past; 503 when the database
/// does not answer.
pub(crate) async fn submit(cx: &Context, submission: Submission<'_>) -> Result<Submitted, Problem> {
    let Submission { call, mode, run_at, .. } = submission;
    let key = match submission.key {
        Some(key) => {
            let tenants = Arc::clone(&submission.tenants);
            let hash = with_time(move || Ok(fingerprint(call, mode, run_at, &tenants))).await?;
            Some((key, hash))
        }
        None => None,
    };
    patiently(|| once(cx, &submission, key.as_ref())).await
}

/// Runs `act` again, a few times, when it meets another over the same names.
pub(super) async fn patiently<T, F>(mut act: impl FnMut() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let mut tries = 1;
    loop {
        match act().await {
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
    submission: &Submission<'_>,
    key: Option<&Key<'_>>,
) -> Result<Submitted, Problem> {
    let Submission { caller, kind, tenants, mode, run_at, .. } = submission;
    let installation = cx.installation().await?;
    let batch = OperationId::mint();
    let mut conn = cx.pool().acquire().await?;
    let mut tx = conn.begin().await?;
    let days = cx.settings.retention.idempotency_days;
    if let Some(key) = key
        && let Some(batch) = idempotency::replayed(&mut tx, caller.id, key, batch, days).await?
    {
        return Ok(Submitted { batch, replayed: true });
    }
    parse::check_run_at(*run_at)?;
    operations::insert(&mut tx, new_batch_row(cx, batch, submission)).await?;
    let ahead = operations::ahead(&mut tx, batch).await?;
    let (kind, run_at) = (*kind, *run_at);
    let admission = Admission { cx, installation, batch, kind, tenants, run_at, ahead };
    let accepted = match mode {
        Mode::Independent => admission.each(&mut tx).await?,
        Mode::Atomic => atomic::all_or_none(&mut tx, admission).await?,
    };
    let total = tenants.len();
    let detail = json!({
        "mode": mode, "total": total, "accepted": accepted,
        "refused": total - accepted, "run_at": run_at,
    });
    let entry = caller.did("operation.submitted");
    audit::append(&mut tx, audit::Entry { operation: Some(batch), detail, ..entry }).await?;
    tx.commit().await?;
    if accepted > 0 && run_at.is_none() {
        queue::ring_over(&mut conn, Bell::Jobs).await;
    }
    info!(operation.id = %batch, total, accepted, "batch {batch} submitted: {accepted} of {total} accepted");
    Ok(Submitted { batch, replayed: false })
}

fn new_batch_row(
    cx: &Context,
    id: OperationId,
    submission: &Submission<'_>,
) -> operations::NewOperationRow {
    operations::NewOperationRow {
        id,
        kind: submission.kind,
        mode: submission.mode,
        total: submission.tenants.len(),
        created_by: Some(submission.caller.id),
        run_at: submission.run_at,
        timeout: Duration::from_secs(cx.settings.tenants.batch_timeout_secs),
    }
}

/// The tenants of one new batch, whose row is there.
#[derive(Clone, Copy)]
pub(super) struct Admission<'a> {
    pub(super) cx: &'a Context,
    pub(super) installation: &'a InstallationId,
    pub(super) batch: OperationId,
    pub(super) kind: Kind,
    pub(super) tenants: &'a Arc<Slices>,
    /// Not to be set going before.
    pub(super) run_at: Option<DateTime<Utc>>,
    /// Other batches of its caller that are under way.
    pub(super) ahead: u32,
}

/// A parsed item and its outcome: names reserved, or the reason they were not.
pub(super) struct Admitted {
    /// Its place in the request, from 0.
    pub(super) index: u32,
    pub(super) request: Request,
    pub(super) outcome: Result<Reservation, ItemError>,
}

impl Admission<'_> {
    /// Reserves and queues each tenant that can be had, whatever becomes of the others; ends a batch
    /// that has nothing to do. Says how many were accepted.
    async fn each(self, conn: &mut PgConnection) -> Result<usize, Problem> {
        let mut accepted = 0;
        let mut line = self.line();
        let mut chunks = self.chunks();
        while let Some((rest, items)) = chunks.next().await? {
            chunks = rest;
            let admitted = self.reserve(conn, items).await?;
            accepted += admitted.iter().filter(|item| item.outcome.is_ok()).count();
            self.record(conn, admitted, &mut line).await?;
        }
        if accepted == 0 {
            // No item is open, so no worker will end the batch.
            operations::settle(conn, self.batch).await?;
        }
        Ok(accepted)
    }

    /// The items of the batch, read from the first on.
    pub(super) fn chunks(&self) -> Chunks {
        let policy = self.cx.policy.clone();
        let batch = match self.kind {
            Kind::Import => NewBatch::of_imports(policy),
            _ => NewBatch::new(policy),
        };
        Chunks::of(self.tenants, batch)
    }

    /// The jobs of the batch, none added yet.
    pub(super) fn line(&self) -> Line {
        Line::new(Duration::ZERO, self.ahead)
    }

    /// Reserves the names of those of `items` that are good and free. In their order.
    pub(super) async fn reserve(
        &self,
        conn: &mut PgConnection,
        items: Vec<NewItem>,
    ) -> Result<Vec<Admitted>, Problem> {
        let good = items.iter().filter(|item| item.outcome.is_ok()).count();
        let mut ids = tenants::allocate_ids(conn, good).await?.into_iter();
        let mut wanted = Vec::with_capacity(good);
        let mut parsed = Vec::with_capacity(items.len());
        for NewItem { index, request, outcome } in items {
            let refused = match outcome {
                Ok(tenant) => {
                    let id = ids.next().expect("an id was taken for every good item");
                    let prefix = &self.cx.settings.tenants.schema_prefix;
                    let names = reservation(prefix, self.installation, id, tenant);
                    wanted.push(names.map_err(Problem::internal)?);
                    None
                }
                Err(error) => Some(error),
            };
            parsed.push((index, request, refused));
        }
        let mut reserved = reserve_all(conn, wanted).await?.into_iter();
        let mut outcome = |refused: Option<ItemError>| match refused {
            Some(error) => Err(error),
            None => reserved.next().expect("every good item was reserved or refused"),
        };
        let admitted = parsed.into_iter().map(|(index, request, refused)| Admitted {
            index,
            request,
            outcome: outcome(refused),
        });
        Ok(admitted.collect())
    }

    /// Writes `items`, and adds the jobs of those that can begin to `line`; those of a batch for
    /// later are made when its time has come.
    pub(super) async fn record(
        &self,
        conn: &mut PgConnection,
        items: Vec<Admitted>,
        line: &mut Line,
    ) -> Result<(), Problem> {
        let rows: Vec<NewItemRow<'_>> = items.iter().map(new_item_row).collect();
        let accepted = items::insert(conn, self.batch, &rows, self.run_at).await?;
        match self.run_at {
            None => {
                let jobs: Vec<_> = accepted.into_iter().map(|i| (i, self.kind)).collect();
                Ok(line.add(conn, &jobs).await?)
            }
            Some(_) => Ok(()),
        }
    }
}

fn new_item_row(item: &Admitted) -> NewItemRow<'_> {
    let row = NewItemRow {
        index: item.index,
        state: ItemState::Queued,
        request: &item.request.json,
        tenant_name: item.request.tenant_name.clone(),
        domain: None,
        schema: None,
        tenant: None,
        error: None,
    };
    match &item.outcome {
        Ok(reservation) => NewItemRow {
            domain: Some(reservation.domain.clone()),
            schema: Some(reservation.schema.as_str().to_owned()),
            tenant: Some(reservation.id),
            ..row
        },
        Err(error) => NewItemRow {
            state: match error.code == codes::BATCH_ROLLED_BACK {
                true => ItemState::Cancelled,
                false => ItemState::Failed,
            },
            domain: item.request.domain.clone(),
            error: Some(error.clone()),
            ..row
        },
    }
}
