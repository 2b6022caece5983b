//! The queue as a whole: paused or not, what waits, who works, and whether there is anything to sweep.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Kind;
use sqlx::PgConnection;

use crate::decode::natural;

/// Workers claim nothing any more; what they have begun goes on. False when it is paused already.
pub async fn pause(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        "update tenantry.installation set paused_at = clock_timestamp() where paused_at is null",
    )
    .execute(conn)
    .await?;
    Ok(paused.rows_affected() == 1)
}

/// Takes the pause back. The caller gives the items that wait new jobs in the same transaction:
/// a job that met the pause is used up. False when the queue is not paused.
pub async fn resume(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let resumed = sqlx::query!(
        "update tenantry.installation set paused_at = null where paused_at is not null",
    )
    .execute(conn)
    .await?;
    Ok(resumed.rows_affected() == 1)
}

#[derive(Debug, Clone)]
pub struct QueueState {
    /// Since when it is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Items that wait for a worker, counted no further than asked for.
    pub waiting: u64,
    /// Items in the hands of workers.
    pub running: u64,
    /// The workers that have not signed off and were not declared dead, oldest first.
    pub workers: Vec<WorkerLine>,
}

#[derive(Debug, Clone)]
pub struct WorkerLine {
    /// Its id, fresh at every start.
    pub id: String,
    /// The machine it runs on.
    pub host: String,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub busy: u64,
}

/// How many items wait for a worker, counted no further than `cap`.
pub async fn waiting(conn: &mut PgConnection, cap: i64) -> sqlx::Result<u64> {
    let totals = sqlx::query_file!("queries/queue_state/totals.sql", cap).fetch_one(conn).await?;
    Ok(natural(totals.waiting))
}

/// How the queue is; waiting items are counted no further than `cap`.
pub async fn read(conn: &mut PgConnection, cap: i64) -> sqlx::Result<QueueState> {
    let totals =
        sqlx::query_file!("queries/queue_state/totals.sql", cap).fetch_one(&mut *conn).await?;
    let workers = sqlx::query!(
        r#"select w.id, w.host, w.started_at, w.seen_at,
                  (select count(*) from tenantry.operation_items i
                   where i.worker_id = w.id and i.state in ('running', 'unwinding')) as "busy!"
           from tenantry.workers w
           where w.stopped_at is null
           order by w.started_at, w.id limit 1000"#,
    )
    .map(|w| WorkerLine {
        id: w.id,
        host: w.host,
        started_at: w.started_at,
        seen_at: w.seen_at,
        busy: natural(w.busy),
    })
    .fetch_all(conn)
    .await?;
    Ok(QueueState {
        paused_at: totals.paused_at,
        waiting: natural(totals.waiting),
        running: natural(totals.running),
        workers,
    })
}

/// Who would take an item that waits now.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Since when the whole queue is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Whether a worker that would take it has been heard of lately.
    pub has_worker: bool,
    /// Why the last worker that could not start could not, within the last ten minutes.
    pub refused: Option<String>,
}

/// Who would take work of `kind` now, with this set of migrations if it names one; a worker that is silent
/// for `dead_after` would not.
pub async fn staff(
    conn: &mut PgConnection,
    kind: Kind,
    set: Option<&str>,
    dead_after: Duration,
) -> sqlx::Result<Staff> {
    sqlx::query_as!(
        Staff,
        r#"select n.paused_at,
                  exists (select from tenantry.workers w
                          where w.stopped_at is null and $2 = any(w.kinds)
                            and coalesce(w.set_hash = $3, true)
                            and w.seen_at > clock_timestamp() - make_interval(secs => $1))
                      as "has_worker!",
                  (select w.refused from tenantry.workers w
                   where w.refused is not null
                     and w.seen_at > clock_timestamp() - interval '10 minutes'
                     -- another has started since: the cause is gone
                     and not exists (select from tenantry.workers later
                                     where later.refused is null and later.started_at > w.seen_at)
                   order by w.seen_at desc limit 1) as refused
           from tenantry.installation n"#,
        dead_after.as_secs_f64(),
        kind.as_str(),
        set,
    )
    .fetch_one(conn)
    .await
}

/// What a sweep has to see to.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    pub silent_workers: bool,
    pub open_batches: bool,
    pub owned_items: bool,
    /// The time of a suspension is over.
    pub suspensions_over: bool,
    /// The grace of a deleted tenant is over.
    pub purges_due: bool,
    /// The names of a tenant that is gone were kept long enough.
    pub names_over: bool,
    /// Tenants were being made when the version of new tenants became another one.
    pub births_to_follow: bool,
    /// More than half of the server's table of locks is taken, by whomever.
    pub locks_are_scarce: bool,
}

/// Looks what a sweep has to see to; a worker is silent when it was not seen for `dead_after`.
pub async fn attention(conn: &mut PgConnection, dead_after: Duration) -> sqlx::Result<Attention> {
    sqlx::query_as!(
        Attention,
        r#"select exists (
               select from tenantry.workers
               where stopped_at is null
                 and seen_at < clock_timestamp() - make_interval(secs => $1)) as "silent_workers!",
           exists (select from tenantry.operations where finished_at is null) as "open_batches!",
           exists (select from tenantry.operation_items
                   where state in ('running', 'unwinding')) as "owned_items!",
           exists (select from tenantry.tenants
                   where suspended_until <= clock_timestamp()) as "suspensions_over!",
                  exists (select from tenantry.tenants
                          where purge_at <= clock_timestamp() and held_at is null and state = 'deleting'
                              and coalesce(purge_taken_at < clock_timestamp() - interval '10 minutes',
                                           true)) as "purges_due!",
                  exists (select from tenantry.tenants
                          where names_held_until <= clock_timestamp()) as "names_over!",
           coalesce((select made_since is not null from tenantry.birth_versions
                     where in_force_since is not null
                     order by in_force_since desc, id desc limit 1), false) as "births_to_follow!",
           (select count(*) from pg_catalog.pg_locks where not fastpath)
               > current_setting('max_locks_per_transaction')::bigint
                 * (current_setting('max_connections')::bigint
                    + current_setting('max_prepared_transactions')::bigint) / 2
               as "locks_are_scarce!""#,
        dead_after.as_secs_f64(),
    )
    .fetch_one(conn)
    .await
}
