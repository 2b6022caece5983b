//! Ends an operation before its items have ended: asked for, or at its deadline.

use domain::{OperationId, codes};
use sqlx::PgConnection;

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
           set state = 'cancelling', paused_at = null,
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
             paused_at = null
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
    let cancelled = sqlx::query_file_scalar!(
        "queries/items/cancel_waiting.sql",
        operation.get(),
        code.as_str(),
        "the operation's time was over before this tenant was begun",
    )
    .fetch_one(conn)
    .await?;
    Ok(crate::decode::count(cancelled))
}

/// Open operations past their deadline that nobody has cancelled yet, at most 100.
pub async fn overdue(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    let ids = sqlx::query_scalar!(
        "select id from tenantry.operations
         where finished_at is null and deadline_at < clock_timestamp()
           and cancel_requested_at is null
         limit 100",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(OperationId::new).collect())
}
