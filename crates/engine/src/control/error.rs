//! Why an act was refused or failed, and which failures are tried again.

use std::future::Future;

use domain::{ItemError, ItemState, OperationId, OperationState, SchemaNameError, Version};
use sqlx::{Postgres, Transaction};
use store::{
    Connections,
    audit::By,
    idempotency::{Became, Claimed, claim},
    operations::Selected,
};

/// Tries of one act that meets others over the same rows or names.
const TRIES: u32 = 3;

/// An act was refused, or failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No such operation.
    #[error("there is no operation {0}")]
    NotFound(OperationId),
    /// It is over.
    #[error("operation {0} is `{1}`{advice}", advice = advice(*.1))]
    Finished(OperationId, OperationState),
    /// It is not over.
    #[error("operation {0} is `{1}`; only one that is over can be retried")]
    Open(OperationId, OperationState),
    /// It is being cancelled or rolled back; that is not held up.
    #[error("operation {0} is `{1}`: it ends what it has begun")]
    Ending(OperationId, OperationState),
    /// Tenants that are protected are not deleted.
    #[error("{0} of the tenants are protected from deletion: nothing was recorded")]
    Protected(u64),
    /// Shared migrations that it needs are not applied.
    #[error(
        "the tenant migrations need shared migration {}, which is not applied: run `tenantry migrate shared \
         up`; nothing was recorded", listed(.0)
    )]
    NeedsShared(Vec<Version>),
    /// It took effect when it was accepted.
    #[error("operation {0} took effect when it was accepted: it cannot be cancelled or paused")]
    InEffect(OperationId),
    /// It has no waves.
    #[error("operation {0} is not a rollout: it has no waves")]
    NoRollout(OperationId),
    /// It waits for nothing of its own.
    #[error("rollout {0} waits for no gate, bake time or halt; `all` passes over those to come")]
    NothingToPromote(OperationId),
    /// It was not a person who paused it.
    #[error("rollout {0} waits by itself: `promote` lets it go on")]
    WaitsByItself(OperationId),
    /// It is in work, or over.
    #[error("item {0} is `{1}`; this is for one that no worker has begun, or that failed")]
    NotSkippable(u32, ItemState),
    /// It is paused.
    #[error("operation {0} is paused already")]
    Paused(OperationId),
    /// It is not paused.
    #[error("operation {0} is not paused")]
    NotPaused(OperationId),
    /// The whole queue is paused.
    #[error("the queue is paused already")]
    QueuePaused,
    /// The whole queue is not paused.
    #[error("the queue is not paused")]
    QueueNotPaused,
    /// No such item.
    #[error("operation {0} has no item {1}; the first is 0")]
    ItemNotFound(OperationId, u32),
    /// The item needs no repair.
    #[error("item {0} is `{1}`; this is for one that is `undo_failed`")]
    NotUndoFailed(u32, ItemState),
    /// The item does not wait for an operator.
    #[error("item {0} is `{1}`; this is for one that is `stuck`")]
    NotStuck(u32, ItemState),
    /// The item waits for no operator at all.
    #[error("item {0} is `{1}`; this is for one that is `undo_failed` or `stuck`")]
    NotForOperator(u32, ItemState),
    /// No item of it, or of the group asked for, can be run again.
    #[error("operation {0} has no failed tenant {of_group}that could succeed unchanged", of_group = of_group(*.1))]
    NothingToRetry(OperationId, bool),
    /// It is atomic, and these items cannot be run again; without an error they never can.
    #[error(
        "operation {0} is all or nothing, and not all of its tenants can be tried again; `errors` \
         says which and why, those in `undo_failed` need `undo` or `resolve` first"
    )]
    NotAllRetryable(OperationId, Vec<(u32, Option<ItemError>)>),
    /// It is atomic, so there is no retry of a group.
    #[error("operation {0} is all or nothing: retry all of its tenants, without `code` and `step`")]
    OnlyWhole(OperationId),
    /// Kind, params or tenants are not those that the caller has seen.
    #[error(
        "the digest is of another kind, other params or other tenants: this request is about {} tenants now, \
         with digest {}", .0.tenants, .0.digest
    )]
    SelectionChanged(Selected),
    /// The same request with this `Idempotency-Key` did it before; nothing is done.
    #[error("this request was sent before, and took effect then")]
    DoneBefore,
    /// Its `Idempotency-Key` came with another request before.
    #[error("this Idempotency-Key came with another request before; use a new one")]
    KeyReused,
    /// Another act over the same names or rows was faster.
    #[error("this request met another over the same names or key; send it again")]
    TryAgain,
    /// The configured prefix makes no schema name.
    #[error("could not make a schema name")]
    SchemaName(#[from] SchemaNameError),
    /// The database failed.
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
}

fn listed(versions: &[Version]) -> String {
    versions.iter().map(Version::as_str).collect::<Vec<_>>().join(", ")
}

fn advice(state: OperationState) -> &'static str {
    match state {
        OperationState::Completed => "",
        _ => "; `retry` runs what failed of it again",
    }
}

fn of_group(group: bool) -> &'static str {
    if group { "of this code and step " } else { "" }
}

impl ControlError {
    /// Whether the database said one of these SQLSTATEs.
    fn is(&self, states: &[&str]) -> bool {
        matches!(self, Self::Database(error) if store::is_state(error, states))
    }

    /// Whether a name was taken at this very moment.
    pub(super) fn is_unique_violation(&self) -> bool {
        self.is(&["23505"])
    }
}

/// Runs `act` again, a few times, when it meets another transaction: a deadlock, a serialization
/// failure, or a name that was taken at this very moment and counts as taken in the next try.
pub(super) async fn patiently<T, F>(mut act: impl FnMut() -> F) -> Result<T, ControlError>
where
    F: Future<Output = Result<T, ControlError>>,
{
    let mut tries = 1;
    loop {
        match act().await {
            Err(error) if error.is(&["40P01", "40001", "23505"]) && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

/// The transaction of an act, which takes effect once for each `Idempotency-Key`.
///
/// # Errors
/// [`ControlError::DoneBefore`] and [`ControlError::KeyReused`] when the key is used up.
pub(super) async fn begin(
    pool: &Connections,
    by: By<'_>,
) -> Result<Transaction<'static, Postgres>, ControlError> {
    let mut tx = pool.begin().await?;
    let Some(once) = by.once else { return Ok(tx) };
    match claim(&mut tx, once, Became::Done).await? {
        Claimed::Now => Ok(tx),
        Claimed::Before(_) => Err(ControlError::DoneBefore),
        Claimed::ByAnother => Err(ControlError::KeyReused),
        Claimed::Gone => Err(ControlError::TryAgain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_advised_only_where_something_came_to_nothing() {
        let told = |state| ControlError::Finished(OperationId::mint(), state).to_string();
        let advises = |state| told(state).contains("`retry`");

        assert!(!advises(OperationState::Completed));
        assert!(
            advises(OperationState::CompletedWithFailures) && advises(OperationState::Cancelled)
        );
    }
}
