//! The tries of an item that failed.

use chrono::{DateTime, Utc};
use domain::{ItemError, ItemId};
use sqlx::PgConnection;

use super::Claim;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The claim token of the try.
    pub attempt: i32,
    pub worker: String,
    pub stage: String,
    /// The step, if it was one.
    pub step: Option<String>,
    /// Whether it was a try to undo.
    pub undo: bool,
    /// The stable code of the error.
    pub code: String,
    /// What the caller is told of it.
    pub message: String,
    /// When the worker claimed the item.
    pub started_at: DateTime<Utc>,
    pub failed_at: DateTime<Utc>,
}

/// Records that the try of `claim` failed in `stage`, in the transaction that records what follows from it.
pub async fn note_attempt(
    conn: &mut PgConnection,
    claim: &Claim,
    stage: &str,
    reason: &ItemError,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.item_attempts
             (item_id, attempt, worker_id, stage, step, undo, code, message, started_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() - make_interval(secs => $9))
         on conflict do nothing",
        claim.item.get(),
        claim.attempt,
        claim.worker,
        stage,
        reason.step,
        claim.state == domain::ItemState::Unwinding,
        reason.code.as_str(),
        &reason.told(),
        claim.since.elapsed().as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The tries of `item` that failed, oldest first.
pub async fn attempts(conn: &mut PgConnection, item: ItemId) -> sqlx::Result<Vec<Attempt>> {
    sqlx::query_as!(
        Attempt,
        "select attempt, worker_id as worker, stage, step, undo, code, message, started_at, failed_at
         from tenantry.item_attempts where item_id = $1 order by failed_at, attempt",
        item.get(),
    )
    .fetch_all(conn)
    .await
}
