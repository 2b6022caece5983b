//! What the queue does not do for itself: free a dead worker's jobs at once, say which items
//! no job will bring, forget old ones.

use std::time::Duration;

use domain::ItemId;
use sqlx::PgConnection;

use crate::job::{QUEUES, ids_of};

/// Gives back every job that the worker process `worker` holds, and says how many.
///
/// A process consumes under names `<worker>.<n>`, a fresh one after each reconnect; all of them
/// are freed. The jobs can be taken again at once.
///
/// # Errors
/// When the statement fails.
pub async fn release_jobs_of(conn: &mut PgConnection, worker: &str) -> sqlx::Result<u64> {
    let freed = sqlx::query(
        "update apalis.jobs set status = 'Pending', lock_by = null, lock_at = null, done_at = null
         where status in ('Queued', 'Running')
           and lock_by in (select id from apalis.workers
                           where worker_type = any($1) and starts_with(id, $2))",
    )
    .bind(QUEUES)
    .bind(format!("{worker}."))
    .execute(conn)
    .await?;
    Ok(freed.rows_affected())
}

/// Those of `items` that no job will bring to a worker.
///
/// A job acknowledged as running will not: the queue never fetches it again.
///
/// # Errors
/// When the statement fails.
pub async fn without_live_job(
    conn: &mut PgConnection,
    items: &[ItemId],
) -> sqlx::Result<Vec<ItemId>> {
    let numbers: Vec<i64> = items.iter().map(|item| item.get()).collect();
    let (first, last): (Vec<String>, Vec<String>) = items.iter().map(|item| ids_of(*item)).unzip();
    // One range of the primary key for each item: the planner would rather read the table than
    // look up a range, but for the order.
    let without: Vec<i64> = sqlx::query_scalar(
        "select asked.item
         from unnest($1::bigint[], $2::text[], $3::text[]) as asked (item, first, last)
         where (select true from apalis.jobs j
                where j.id >= asked.first and j.id <= asked.last
                  and (j.status = 'Pending'
                       or (j.status = 'Failed' and j.attempts < j.max_attempts)
                       or (j.status in ('Queued', 'Running') and j.done_at is null))
                order by j.id limit 1) is null",
    )
    .bind(numbers)
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await?;
    Ok(without.into_iter().map(ItemId::new).collect())
}

/// How long a consumer of the worker process `worker` has not been heard by its queue, the more silent
/// of the two; `None` when none ever was.
///
/// # Errors
/// When the statement fails.
pub async fn silence_of(conn: &mut PgConnection, worker: &str) -> sqlx::Result<Option<Duration>> {
    let secs: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from now() - min(heard))::float8
         from (select max(last_seen) as heard from apalis.workers
               where worker_type = any($1) and starts_with(id, $2) group by worker_type) w",
    )
    .bind(QUEUES)
    .bind(format!("{worker}."))
    .fetch_one(conn)
    .await?;
    Ok(secs.map(|secs| Duration::from_secs_f64(secs.max(0.0))))
}

/// Forgets finished jobs older than `age`, at most `limit` of them, and says how many; worker
/// rows of the queue that hold no job and have been silent as long go with them.
///
/// # Errors
/// When a statement fails.
pub async fn prune(conn: &mut PgConnection, age: Duration, limit: i64) -> sqlx::Result<u64> {
    let gone = sqlx::query(
        "delete from apalis.jobs where id in (
             select id from apalis.jobs where status in ('Done', 'Killed')
                and done_at < now() - make_interval(secs => $1) order by done_at limit $2)",
    )
    .bind(age.as_secs_f64())
    .bind(limit)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "delete from apalis.workers w where w.last_seen < now() - make_interval(secs => $1)
            and not exists (select 1 from apalis.jobs j where j.lock_by = w.id)",
    )
    .bind(age.as_secs_f64())
    .execute(conn)
    .await?;
    Ok(gone.rows_affected())
}
