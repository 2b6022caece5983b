//! Admits a batch that is all or nothing: one refused item refuses them all.

use std::collections::BTreeMap;

use domain::{ItemError, NewItem, Progress, codes};
use sqlx::{Connection as _, PgConnection};
use store::operations;

use super::admit::{Admission, Admitted};
use crate::http::problem::Problem;

/// Why items were refused, by their places in the request.
type Refused = BTreeMap<u32, ItemError>;

/// Reserves and queues all tenants, or records of all that they were refused: those that were not
/// refused themselves are told that another was. Says how many were accepted.
pub(super) async fn all_or_none(
    conn: &mut PgConnection,
    admission: Admission<'_>,
) -> Result<usize, Problem> {
    let total = admission.tenants.len();
    // All are tried, so that the answer names everything that is wrong; a savepoint takes it back.
    let mut tried = conn.begin().await?;
    let refused = try_all(&mut tried, admission).await?;
    let Some(culprit) = refused.first_key_value().map(|(index, _)| *index) else {
        tried.commit().await?;
        return Ok(total);
    };
    tried.rollback().await?;
    let counts = counts(total, refused.len());
    record_refused(conn, admission, refused).await?;
    operations::end_refused(conn, admission.batch, culprit, counts).await?;
    Ok(0)
}

/// Records items as long as each is accepted. After the first that is not, the names of the rest
/// are tried and nothing is written.
async fn try_all(conn: &mut PgConnection, admission: Admission<'_>) -> Result<Refused, Problem> {
    let mut refused = Refused::new();
    let mut line = admission.line();
    let mut chunks = admission.chunks();
    while let Some((rest, items)) = chunks.next().await? {
        chunks = rest;
        let admitted = admission.reserve(conn, items).await?;
        if refused.is_empty() && admitted.iter().all(|item| item.outcome.is_ok()) {
            admission.record(conn, admitted, &mut line).await?;
        } else {
            let errors = admitted.into_iter().filter_map(|i| Some((i.index, i.outcome.err()?)));
            refused.extend(errors);
        }
    }
    Ok(refused)
}

/// Records every item as refused: for a reason of its own, or for another's.
async fn record_refused(
    conn: &mut PgConnection,
    admission: Admission<'_>,
    mut refused: Refused,
) -> Result<(), Problem> {
    let mut no_jobs = admission.line();
    let mut chunks = admission.chunks();
    while let Some((rest, items)) = chunks.next().await? {
        chunks = rest;
        let items = items.into_iter().map(|NewItem { index, request, .. }| {
            let outcome = Err(refused.remove(&index).unwrap_or_else(rolled_back));
            Admitted { index, request, outcome }
        });
        admission.record(conn, items.collect(), &mut no_jobs).await?;
    }
    Ok(())
}

fn rolled_back() -> ItemError {
    let message = "the batch is all or nothing, and another of its tenants was refused";
    ItemError { retryable: true, ..ItemError::rejected(codes::BATCH_ROLLED_BACK, message) }
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
