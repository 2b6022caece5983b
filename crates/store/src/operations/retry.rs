//! Sets an operation that is over going again.

use std::time::Duration;

use domain::OperationId;
use sqlx::PgConnection;

/// The next run of the operation: `queued`, with a new deadline if it has `timeout`. False when it is not over, or all of it
/// succeeded.
pub async fn retry(
    conn: &mut PgConnection,
    id: OperationId,
    timeout: Option<Duration>,
) -> sqlx::Result<bool> {
    let set_going = sqlx::query!(
        "update tenantry.operations
         set state = 'queued', run = run + 1, started_at = null, finished_at = null,
             cancel_requested_at = null, cancel_code = null, culprit_idx = null, run_at = null,
             paused_at = null, deadline_at = now() + make_interval(secs => $2)
         where id = $1 and finished_at is not null
           and state in ('completed_with_failures', 'failed', 'cancelled', 'rolled_back')",
        id.get(),
        timeout.map(|timeout| timeout.as_secs_f64()),
    )
    .execute(conn)
    .await?;
    Ok(set_going.rows_affected() == 1)
}

/// The next run of an operation that is over: `running`, or `rolling_back` when it is all or nothing.
/// Without a deadline: it ends with the items that are open now, in the way they end. One that is not
/// over goes on as its next run; false then.
pub async fn reopen(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let reopened = sqlx::query!(
        "update tenantry.operations
         set state = case when state = 'rolled_back' or state = 'cancelled' and mode = 'atomic'
                          then 'rolling_back' else 'running' end,
             run = run + 1,
             started_at = clock_timestamp(), finished_at = null, deadline_at = null,
             paused_at = null
         where id = $1 and finished_at is not null
           and state in ('completed_with_failures', 'failed', 'cancelled', 'rolled_back')",
        id.get(),
    )
    .execute(&mut *conn)
    .await?;
    if reopened.rows_affected() == 1 {
        return Ok(true);
    }
    // An end that another process has just seen is not to be written any more: it would be of this run.
    sqlx::query!(
        "update tenantry.operations set run = run + 1 where id = $1 and finished_at is null",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(false)
}
