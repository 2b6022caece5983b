//! Ends operations: when their items have ended, when it is asked for, at their deadline.

use domain::{Code, OperationId, OperationState, Progress, codes};
use sqlx::PgConnection;

use crate::{
    decode::{column, decode, natural},
    items::cancel_waiting,
};

/// Ends `operation` if it is open and none of its items is; the winner also writes its totals and the
/// one `operation.finished` event. `None` when there is nothing to end, or another
/// process ended it.
///
/// Must run after the commit that ended the operation's last item: two workers that end the last two
/// items at once would each still see the other's as open.
pub async fn settle(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<OperationState>> {
    let closed = sqlx::query_file!("queries/operations/closed.sql", operation.get())
        .fetch_optional(&mut *conn)
        .await?;
    let Some(closed) = closed else { return Ok(None) };
    let progress = Progress {
        total: natural(i64::from(closed.total)),
        succeeded: natural(closed.succeeded),
        failed: natural(closed.failed),
        cancelled: natural(closed.cancelled),
        rolled_back: natural(closed.rolled_back),
        ..Progress::default()
    };
    let outcome = progress.outcome(decode(&closed.mode)?, closed.cancel_requested);
    let won = sqlx::query_file!(
        "queries/operations/settle.sql",
        operation.get(),
        closed.run,
        outcome.as_str(),
        serde_json::json!({ "operation_id": operation, "state": outcome, "progress": progress }),
        column(progress.succeeded),
        column(progress.failed),
        column(progress.cancelled),
        column(progress.rolled_back),
        column(natural(closed.ended_in_run)),
    )
    .fetch_optional(conn)
    .await?;
    Ok(won.map(|_| outcome))
}

/// Open operations that wait for nobody, at most 100: whoever ended or built their last item died
/// before it could see to the operation. Among them are all-or-nothing operations that have an item to
/// turn back for and are not rolling back yet, and those that turn back and still hold built items.
pub async fn unsettled(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    sqlx::query_file!("queries/operations/unsettled.sql")
        .map(|row| OperationId::new(row.id))
        .fetch_all(conn)
        .await
}

/// An operation that is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// It was paused, and is not any more: what is left of it has to be undone. Its items that
    /// wait may have lost their jobs.
    pub was_paused: bool,
    /// It is all or nothing: what is built of it has to be undone too.
    pub all_or_nothing: bool,
}

/// `queued | running → cancelling`; asking again changes nothing. `None` when the operation is over,
/// on its way back, or not there.
pub async fn cancel(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<Cancelled>> {
    sqlx::query_as!(
        Cancelled,
        r#"with before as (
               select id, paused_at is not null as was_paused, mode = 'atomic' as all_or_nothing
               from tenantry.operations
               where id = $1 and finished_at is null
                 and state in ('queued', 'running', 'cancelling')
               for update
           )
           update tenantry.operations b
           set state = 'cancelling', paused_at = null, pause_reasons = '{}',
               cancel_requested_at = coalesce(b.cancel_requested_at, clock_timestamp())
           from before where b.id = before.id and b.state in ('queued', 'running', 'cancelling')
           returning before.was_paused as "was_paused!",
                     before.all_or_nothing as "all_or_nothing!""#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
}

/// `queued | running → cancelling` because the operation's deadline has passed; cancels what has not
/// been begun, and says how many items that were. Nothing happens when somebody was faster.
pub async fn cancel_overdue(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<u64> {
    let code = codes::BATCH_DEADLINE;
    let ended = sqlx::query!(
        "update tenantry.operations
         set state = 'cancelling', cancel_requested_at = clock_timestamp(), cancel_code = $2,
             paused_at = null, pause_reasons = '{}'
         where id = $1 and finished_at is null and cancel_requested_at is null
           and state in ('queued', 'running') and deadline_at < clock_timestamp()",
        operation.get(),
        code.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(0);
    }
    let message = "the operation's time was over before this tenant was begun";
    cancel_waiting(conn, operation, &code, message).await
}

/// Open operations past their deadline that nobody has cancelled yet, at most 100.
pub async fn overdue(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    sqlx::query!(
        "select id from tenantry.operations
         where finished_at is null and deadline_at < clock_timestamp()
           and cancel_requested_at is null
         limit 100",
    )
    .map(|row| OperationId::new(row.id))
    .fetch_all(conn)
    .await
}

/// An open all-or-nothing operation; its row is locked.
#[derive(Debug, Clone)]
pub struct Atomic {
    pub state: OperationState,
    /// Why it turns back, when it does.
    pub code: Option<Code>,
}

/// Locks `operation` if it is all or nothing and open; until the transaction ends nobody else
/// activates it, turns it back or cancels it.
pub async fn lock_atomic(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<Atomic>> {
    sqlx::query!(
        "select state, cancel_code from tenantry.operations
         where id = $1 and mode = 'atomic' and finished_at is null for update",
        operation.get(),
    )
    .try_map(|row| Ok(Atomic { state: decode(&row.state)?, code: row.cancel_code.map(Code::from) }))
    .fetch_optional(conn)
    .await
}

/// `queued | running → rolling_back`, because the item at `culprit` failed; what has not been
/// begun is cancelled, and its names are free again. False when the operation is on its way out
/// already.
pub async fn begin_rollback(
    conn: &mut PgConnection,
    operation: OperationId,
    culprit: i32,
) -> sqlx::Result<bool> {
    let code = codes::BATCH_ROLLED_BACK;
    let turned = sqlx::query!(
        "update tenantry.operations
         set state = 'rolling_back', cancel_code = $2, culprit_idx = $3, paused_at = null,
             pause_reasons = '{}'
         where id = $1 and finished_at is null and state in ('queued', 'running')",
        operation.get(),
        code.as_str(),
        culprit,
    )
    .execute(&mut *conn)
    .await?;
    if turned.rows_affected() == 0 {
        return Ok(false);
    }
    let message = "the operation is all or nothing, and another of its tenants failed";
    cancel_waiting(conn, operation, &code, message).await?;
    Ok(true)
}
