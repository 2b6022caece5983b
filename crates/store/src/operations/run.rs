//! Whether workers may take what is left of an operation: paused, due, run again.

use std::time::Duration;

use domain::{OperationId, OperationState};
use sqlx::PgConnection;

use crate::decode::decode;

/// The operation's state, which nobody else changes before this transaction ends.
pub async fn lock(
    conn: &mut PgConnection,
    id: OperationId,
) -> sqlx::Result<Option<OperationState>> {
    sqlx::query!("select state from tenantry.operations where id = $1 for update", id.get())
        .try_map(|row| decode(&row.state))
        .fetch_optional(conn)
        .await
}

/// Pauses an operation that is `queued` or `running`: workers claim nothing more of it. What they have
/// begun goes on, and so does its deadline. False when a person has paused it, it is ending or over.
pub async fn pause(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        "update tenantry.operations
         set paused_at = coalesce(paused_at, clock_timestamp()),
             pause_reasons = array_append(pause_reasons, 'user')
         where id = $1 and (paused_at is null or pause_reasons <> '{}') and not 'user' = any(pause_reasons)
           and finished_at is null and state in ('queued', 'running')",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(paused.rows_affected() == 1)
}

/// Takes the pause of a person back; a rollout may wait for something else yet. The caller gives the items that
/// wait new jobs in the same transaction: a job that met the pause is used up. False when the operation is not
/// paused, or over.
pub async fn resume(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let resumed = sqlx::query!(
        "update tenantry.operations
         set paused_at = case when array_remove(pause_reasons, 'user') <> '{}' then paused_at end,
             pause_reasons = array_remove(pause_reasons, 'user')
         where id = $1 and paused_at is not null and finished_at is null
           and ('user' = any(pause_reasons) or pause_reasons = '{}')",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(resumed.rows_affected() == 1)
}

/// Operations that are to be set going now, the longest due first, at most 100. One that is paused,
/// or any while the queue is, waits for the resume.
pub async fn due(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    sqlx::query!(
        "select b.id from tenantry.operations b
         where b.run_at is not null and b.state = 'queued' and b.run_at <= clock_timestamp()
           and b.paused_at is null
           and not exists (select from tenantry.installation where paused_at is not null)
         order by b.run_at limit 100",
    )
    .map(|row| OperationId::new(row.id))
    .fetch_all(conn)
    .await
}

/// Makes a due operation one like any other. The caller gives its items jobs in the same transaction.
/// False when somebody was faster, or it is not due any more.
pub async fn release_due(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<bool> {
    let released = sqlx::query!(
        "update tenantry.operations set run_at = null
         where id = $1 and run_at <= clock_timestamp() and state = 'queued' and paused_at is null
           and finished_at is null",
        id.get(),
    )
    .execute(conn)
    .await?;
    Ok(released.rows_affected() == 1)
}

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
             paused_at = null, pause_reasons = '{}', deadline_at = now() + make_interval(secs => $2)
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
             paused_at = null, pause_reasons = '{}'
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
