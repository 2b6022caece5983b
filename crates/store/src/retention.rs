//! Deletes what has ended and is older than it is kept, a portion in the caller's transaction.
//!
//! An operation goes with one statement, so that no reader sees a part of it; its items follow.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// The last operation that was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    finished_at: DateTime<Utc>,
    id: Uuid,
}

impl Cursor {
    /// Before the oldest one.
    pub const START: Self = Self { finished_at: DateTime::UNIX_EPOCH, id: Uuid::nil() };
}

/// What became of a portion of operations.
#[derive(Debug, Clone, Copy)]
pub struct Portion {
    pub pruned: i64,
    /// Where the next portion begins.
    pub next: Cursor,
}

/// Whether the caller's transaction may delete: one worker at a time does. Does not wait.
///
/// It walks indexes in their order from now on: with statistics of a time at which nothing was old, the
/// planner would read all that is old, and sort it, for each portion.
pub async fn lease(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let lease = sqlx::query!(
        "select set_config('enable_sort', 'off', true) as sort,
                set_config('enable_bitmapscan', 'off', true) as bitmapscan
         from tenantry.leases where name = 'retention' for update skip locked"
    )
    .fetch_optional(conn)
    .await?;
    Ok(lease.is_some())
}

/// Looks at the `limit` operations after `after` that ended `days` ago or earlier, and deletes those that
/// have no item in `undo_failed` and no sealed key. `None` when there are no more.
pub async fn prune_operations(
    conn: &mut PgConnection,
    days: i32,
    after: Cursor,
    limit: i64,
) -> sqlx::Result<Option<Portion>> {
    sqlx::query_file!("queries/retention/operations.sql", days, after.finished_at, after.id, limit)
        .map(|row| Portion {
            pruned: row.pruned,
            next: Cursor { finished_at: row.finished_at, id: row.id },
        })
        .fetch_optional(conn)
        .await
}

/// Deletes at most `limit` items of deleted operations with all that belongs to them. False when there
/// was no deleted operation.
pub async fn prune_items(conn: &mut PgConnection, limit: i64) -> sqlx::Result<bool> {
    let items = sqlx::query_file!("queries/retention/items.sql", limit).execute(&mut *conn).await?;
    let done = sqlx::query!(
        "delete from tenantry.pruned_operations p
         where not exists (select from tenantry.operation_items i where i.operation_id = p.operation_id)"
    )
    .execute(conn)
    .await?;
    Ok(items.rows_affected() + done.rows_affected() > 0)
}

/// Deletes events that are `days` old, at most `limit`, and says how many. Ids are in the order of time
/// but for transactions that overlap.
pub async fn prune_events(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"with gone as (
               delete from tenantry.outbox
               where id = any(array(select id from tenantry.outbox order by id limit $2))
                 and created_at < now() - make_interval(days => $1)
               returning id
           ), kept as (
               update tenantry.installation
               set events_kept_from = greatest(events_kept_from, now() - make_interval(days => $1))
               where exists (select from gone)
           )
           select count(*) as "count!" from gone"#,
        days,
        limit,
    )
    .fetch_one(conn)
    .await
}

/// Deletes the rows of workers that stopped `days` ago and own no item, at most `limit`, and says how
/// many.
pub async fn prune_workers(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<i64> {
    let gone = sqlx::query!(
        "delete from tenantry.workers where id = any(array(
             select w.id from tenantry.workers w
             where w.stopped_at < now() - make_interval(days => $1)
               and not exists (select from tenantry.operation_items i
                               where i.worker_id = w.id and i.state in ('running', 'unwinding'))
             order by w.stopped_at limit $2))",
        days,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(i64::try_from(gone.rows_affected()).unwrap_or(i64::MAX))
}
