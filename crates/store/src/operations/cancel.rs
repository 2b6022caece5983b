//! Asks for the end of an operation.

use domain::OperationId;
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
///
/// # Errors
/// When the row cannot be written.
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
