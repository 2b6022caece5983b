//! Reads how the queue is.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::decode::count;

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
    /// When it was last heard of.
    pub seen_at: DateTime<Utc>,
    pub busy: u64,
}

/// How many items wait for a worker, counted no further than `cap`.
pub async fn waiting(conn: &mut PgConnection, cap: i64) -> sqlx::Result<u64> {
    let totals = sqlx::query_file!("queries/queue_state/totals.sql", cap).fetch_one(conn).await?;
    Ok(count(totals.waiting))
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
    .fetch_all(conn)
    .await?;
    let workers = workers.into_iter().map(|w| WorkerLine {
        id: w.id,
        host: w.host,
        started_at: w.started_at,
        seen_at: w.seen_at,
        busy: count(w.busy),
    });
    Ok(QueueState {
        paused_at: totals.paused_at,
        waiting: count(totals.waiting),
        running: count(totals.running),
        workers: workers.collect(),
    })
}
