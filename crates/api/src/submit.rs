//! Makes a submission a batch, in one transaction.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{Mode, OperationId};
use queue::Bell;
use serde_json::json;
use sqlx::PgConnection;
use store::{audit, idempotency, operations};
use tracing::{debug, info};

use crate::{
    all_or_nothing::record_all_or_none,
    auth::Caller,
    context::Context,
    problem::Problem,
    record::{Recorder, record_each},
    schedule,
    texts::Texts,
};

/// Tries of one submission that meets others over the same names.
pub(crate) const TRIES: u32 = 3;

/// A submission that has arrived.
pub(crate) struct Submission<'a> {
    pub(crate) caller: &'a Caller,
    /// At least one.
    pub(crate) tenants: Arc<Texts>,
    pub(crate) mode: Mode,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// The idempotency key, and what it stands for.
    pub(crate) key: Option<(&'a str, [u8; 32])>,
}

/// What a submission became.
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
/// 422 when the key stands for another request, or the time to start is past; 503 when the database does not answer.
pub(crate) async fn submit(
    cx: &Context,
    submission: &Submission<'_>,
) -> Result<Submitted, Problem> {
    let mut tries = 1;
    loop {
        match once(cx, submission).await {
            Err(problem) if problem.is_collision() && tries < TRIES => {
                debug!(tries, "a submission met another over the same names, trying again");
                tries += 1;
            }
            done => return done,
        }
    }
}

async fn once(cx: &Context, submission: &Submission<'_>) -> Result<Submitted, Problem> {
    let installation = cx.installation().await?;
    let batch = OperationId::mint();
    let mut tx = cx.pool().begin().await?;
    if let Some((key, body_hash)) = &submission.key {
        let caller = submission.caller.id;
        let days = cx.settings().retention.idempotency_days;
        let claim = idempotency::Claim { caller, key, body_hash, batch, days };
        if !idempotency::claim(&mut tx, claim).await? {
            return replay(&mut tx, submission.caller, key, body_hash).await;
        }
    }
    schedule::check(submission.run_at)?;
    operations::insert(&mut tx, new_batch_row(cx, batch, submission)).await?;
    let ahead = operations::ahead(&mut tx, batch).await?;
    let recorder = Recorder { cx, installation, batch, run_at: submission.run_at, ahead };
    let (total, tenants) = (submission.tenants.len(), &submission.tenants);
    let accepted = match submission.mode {
        Mode::Independent => record_each(&mut tx, recorder, tenants).await?,
        Mode::Atomic => record_all_or_none(&mut tx, recorder, tenants).await?,
    };
    let detail = json!({
        "mode": submission.mode, "total": total, "accepted": accepted,
        "refused": total - accepted, "run_at": submission.run_at,
    });
    let entry = submission.caller.did("operation.submitted");
    audit::append(&mut tx, audit::Entry { operation: Some(batch), detail, ..entry }).await?;
    tx.commit().await?;
    if accepted > 0 && submission.run_at.is_none() {
        cx.ring(Bell::Jobs).await;
    }
    info!(operation.id = %batch, total, accepted, "batch {batch} submitted: {accepted} of {total} accepted");
    Ok(Submitted { batch, replayed: false })
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
    Ok(Submitted { batch: first.operation, replayed: true })
}

fn new_batch_row(
    cx: &Context,
    id: OperationId,
    submission: &Submission<'_>,
) -> operations::NewOperationRow {
    operations::NewOperationRow {
        id,
        mode: submission.mode,
        total: submission.tenants.len(),
        created_by: Some(submission.caller.id),
        run_at: submission.run_at,
        timeout: Duration::from_secs(cx.settings().tenants.batch_timeout_secs),
    }
}
