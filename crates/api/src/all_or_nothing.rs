//! What a submission that is all or nothing does differently: one refused item refuses them all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{ItemError, NewItem, Progress, codes};
use queue::Line;
use sqlx::{Connection as _, PgConnection};
use store::operations;

use crate::{problem::Problem, record::Recorder, reserve::Decided, texts::Texts};

/// Why items were refused, by their places in the request.
type Refused = BTreeMap<u32, ItemError>;

/// Reserves and queues all tenants, or records of all that they were refused: those that were not
/// refused themselves are told that another was. Says how many were accepted.
///
/// # Errors
/// 503 when the database does not answer.
pub(crate) async fn record_all_or_none(
    conn: &mut PgConnection,
    recorder: Recorder<'_>,
    tenants: &Arc<Texts>,
) -> Result<usize, Problem> {
    // All are tried, so that the answer names everything that is wrong; a savepoint takes it back.
    let mut tried = conn.begin().await?;
    let refused = try_all(&mut tried, recorder, tenants).await?;
    let Some(culprit) = refused.first_key_value().map(|(index, _)| *index) else {
        tried.commit().await?;
        return Ok(tenants.len());
    };
    tried.rollback().await?;
    let counts = counts(tenants.len(), refused.len());
    record_refused(conn, recorder, tenants, refused).await?;
    operations::end_refused(conn, recorder.batch, culprit, counts).await?;
    Ok(0)
}

/// Records items as long as each is accepted. After the first that is not, the names of the rest
/// are tried and nothing is written.
async fn try_all(
    conn: &mut PgConnection,
    recorder: Recorder<'_>,
    tenants: &Arc<Texts>,
) -> Result<Refused, Problem> {
    let mut refused = Refused::new();
    let mut line = Line::new(Duration::ZERO, recorder.ahead);
    let mut chunks = recorder.chunks(tenants);
    while let Some((rest, items)) = chunks.next().await? {
        chunks = rest;
        let mut decided = recorder.reserve(conn, items).await?;
        if refused.is_empty() && decided.iter().all(|item| item.outcome.is_ok()) {
            recorder.record(conn, decided, &mut line).await?;
        } else {
            let errors = decided.drain(..).filter_map(|i| Some((i.index, i.outcome.err()?)));
            refused.extend(errors);
        }
    }
    Ok(refused)
}

/// Records every item as refused: for a reason of its own, or for another's.
async fn record_refused(
    conn: &mut PgConnection,
    recorder: Recorder<'_>,
    tenants: &Arc<Texts>,
    mut refused: Refused,
) -> Result<(), Problem> {
    let mut nobody = Line::new(Duration::ZERO, 0);
    let mut chunks = recorder.chunks(tenants);
    while let Some((rest, items)) = chunks.next().await? {
        chunks = rest;
        let decide = |NewItem { index, request, .. }: NewItem| {
            let outcome = Err(refused.remove(&index).unwrap_or_else(rolled_back));
            Decided { index, request, outcome }
        };
        let decided = items.into_iter().map(decide).collect();
        recorder.record(conn, decided, &mut nobody).await?;
    }
    Ok(())
}

fn rolled_back() -> ItemError {
    let message = "the batch is all or nothing, and another of its tenants was refused";
    ItemError { retryable: true, ..ItemError::rejected(codes::BATCH_ROLLED_BACK, message) }
}

/// Whether an item ended because of another.
pub(crate) fn is_rolled_back(error: &ItemError) -> bool {
    error.code == codes::BATCH_ROLLED_BACK
}

/// The counts of a batch of `total` items that was refused whole, for the sake of `refused`.
fn counts(total: usize, refused: usize) -> Progress {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Progress {
        total: count(total),
        failed: count(refused),
        cancelled: count(total - refused),
        ..Progress::default()
    }
}
