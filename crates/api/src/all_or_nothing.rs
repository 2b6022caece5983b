//! What a submission that is all or nothing does differently: one refused item refuses them all.

use domain::{InstallationId, ItemError, NewBatch, Progress, codes};
use sqlx::{Connection as _, PgConnection};
use store::tenants::Reservation;

use crate::{context::Context, problem::Problem, submit::reserve};

/// For each item the names reserved for it, or why there are none.
pub(crate) type Reserved = Vec<Result<Reservation, ItemError>>;

/// Reserves the names of all items, or of none: those that were not refused themselves are told
/// that another was.
///
/// # Errors
/// As [`reserve`].
pub(crate) async fn reserve_all_or_none(
    conn: &mut PgConnection,
    cx: &Context,
    installation: &InstallationId,
    batch: &NewBatch,
) -> Result<Reserved, Problem> {
    // All are tried, so that the answer names everything that is wrong; a savepoint takes it back.
    let mut tried = conn.begin().await?;
    let outcomes = reserve(&mut tried, cx, installation, batch).await?;
    if outcomes.iter().all(Result::is_ok) {
        tried.commit().await?;
        return Ok(outcomes);
    }
    tried.rollback().await?;
    Ok(outcomes.into_iter().map(|outcome| outcome.and_then(|_| Err(rolled_back()))).collect())
}

fn rolled_back() -> ItemError {
    let message = "the batch is all or nothing, and another of its tenants was refused";
    ItemError { retryable: true, ..ItemError::rejected(codes::BATCH_ROLLED_BACK, message) }
}

/// Whether an item ended because of another.
pub(crate) fn is_rolled_back(error: &ItemError) -> bool {
    error.code == codes::BATCH_ROLLED_BACK
}

/// The place of the first item that was refused itself, if one was.
pub(crate) fn culprit(outcomes: &Reserved) -> Option<u32> {
    let refused = |outcome: &Result<Reservation, ItemError>| {
        outcome.as_ref().is_err_and(|error| !is_rolled_back(error))
    };
    outcomes.iter().position(refused).and_then(|index| u32::try_from(index).ok())
}

/// The counts of a batch that was refused whole.
pub(crate) fn counts(outcomes: &Reserved) -> Progress {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let others = outcomes.iter().filter(|o| o.as_ref().is_err_and(is_rolled_back)).count();
    Progress {
        total: count(outcomes.len()),
        failed: count(outcomes.len() - others),
        cancelled: count(others),
        ..Progress::default()
    }
}
