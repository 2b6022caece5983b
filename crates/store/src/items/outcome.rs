//! What a worker records of an item that it has claimed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{ItemError, ItemId, ItemState};
use sqlx::PgConnection;

use super::Claim;

/// Whether `claim` still holds; if so its row stays locked until the transaction ends, so nobody
/// can claim the item in between.
pub async fn hold(conn: &mut PgConnection, claim: &Claim) -> sqlx::Result<bool> {
    let row = sqlx::query_scalar!(
        "select 1 from tenantry.operation_items
         where id = $1 and attempt = $2 and state = $3 for update",
        claim.item.get(),
        claim.attempt,
        claim.state.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// `running → retrying`; an item that unwinds stays so, without an owner. The caller wakes a
/// worker for it in the same transaction. A try that is not `spent` is not counted. False when the
/// claim is no longer ours.
pub async fn retry_later(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
    spent: bool,
    delay: Duration,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = case state when 'unwinding' then state else 'retrying' end,
             tries = tries - case when $7 then 0 else 1 end,
             worker_id = null,
             next_attempt_at = clock_timestamp() + make_interval(secs => $3),
             error_code = case state when 'unwinding' then error_code else $4 end,
             error_message = case state when 'unwinding' then error_message else $5 end,
             error_step = case state when 'unwinding' then error_step else $6 end,
             error_retryable = case state when 'unwinding' then error_retryable else true end
         where id = $1 and attempt = $2 and state in ('running', 'unwinding')",
        claim.item.get(),
        claim.attempt,
        delay.as_secs_f64(),
        reason.code.as_str(),
        &reason.told(),
        reason.step,
        spent,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `running → unwinding`, with the reason; tries start from 0, they are the undo's now.
/// Returns the stages that are committed and have to be undone, those of this claim included;
/// `None` when the claim is no longer ours.
pub async fn begin_unwind(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
) -> sqlx::Result<Option<Vec<String>>> {
    sqlx::query_scalar!(
        r#"update tenantry.operation_items
           set state = 'unwinding', tries = 0, error_code = $3, error_message = $4,
               error_step = $5, error_retryable = $6
           where id = $1 and attempt = $2 and state = 'running'
           returning array(select stage from tenantry.checkpoints
                           where item_id = $1 and undone_at is null) as "committed!""#,
        claim.item.get(),
        claim.attempt,
        reason.code.as_str(),
        &reason.told(),
        reason.step,
        reason.retryable,
    )
    .fetch_optional(conn)
    .await
}

/// `unwinding → end`, where `end` is `failed`, `cancelled`, `rolled_back` or `undo_failed`.
/// The error recorded when unwinding began stays. False when the claim is no longer ours.
pub async fn fail(conn: &mut PgConnection, claim: &Claim, end: ItemState) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = $3, finished_at = clock_timestamp(), worker_id = null
         where id = $1 and attempt = $2 and state = 'unwinding'
           and $3 in ('failed', 'cancelled', 'rolled_back', 'undo_failed')",
        claim.item.get(),
        claim.attempt,
        end.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `running → stuck`, with the reason. False when the claim is no longer ours.
pub async fn stick(
    conn: &mut PgConnection,
    claim: &Claim,
    reason: &ItemError,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.operation_items
         set state = 'stuck', worker_id = null, finished_at = clock_timestamp(), error_code = $3,
             error_message = $4, error_step = $5, error_retryable = $6
         where id = $1 and attempt = $2 and state = 'running'",
        claim.item.get(),
        claim.attempt,
        reason.code.as_str(),
        &reason.told(),
        reason.step,
        reason.retryable,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The claim token of the try.
    pub attempt: i32,
    pub worker: String,
    pub stage: String,
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
        claim.state == ItemState::Unwinding,
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
