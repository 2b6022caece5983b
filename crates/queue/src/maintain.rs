//! What the queue does not do for itself: free a dead worker's jobs at once, say which jobs are
//! still alive, forget old ones.

use std::{collections::HashSet, time::Duration};

use sqlx::PgConnection;

use crate::job::{JobId, QUEUE_NAME};

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
                           where worker_type = $1 and starts_with(id, $2))",
    )
    .bind(QUEUE_NAME)
    .bind(format!("{worker}."))
    .execute(conn)
    .await?;
    Ok(freed.rows_affected())
}

/// Those of `jobs` that will still be delivered, or are being worked on.
///
/// A job acknowledged as running is none: the queue never fetches it again.
///
/// # Errors
/// When the statement fails.
pub async fn live_jobs(conn: &mut PgConnection, jobs: &[String]) -> sqlx::Result<HashSet<JobId>> {
    let live: Vec<String> = sqlx::query_scalar(
        "select id from apalis.jobs where id = any($1) and (status = 'Pending'
            or (status = 'Failed' and attempts < max_attempts)
            or (status in ('Queued', 'Running') and done_at is null))",
    )
    .bind(jobs)
    .fetch_all(conn)
    .await?;
    Ok(live.iter().filter_map(|id| JobId::parse(id)).collect())
}

/// How long the consumer of the worker process `worker` has not been heard by the queue; `None` when
/// it never was.
///
/// # Errors
/// When the statement fails.
pub async fn silence_of(conn: &mut PgConnection, worker: &str) -> sqlx::Result<Option<Duration>> {
    let secs: Option<f64> = sqlx::query_scalar(
        "select extract(epoch from now() - max(last_seen))::float8 from apalis.workers
         where worker_type = $1 and starts_with(id, $2)",
    )
    .bind(QUEUE_NAME)
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
