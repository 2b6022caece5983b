//! Puts jobs into the queue, in the caller's transaction.

use std::time::Duration;

use apalis::prelude::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_postgres::queries::push_tasks;
use domain::ItemId;
use sqlx::PgConnection;

use crate::{
    doorbell,
    job::{Job, JobId, QUEUE_NAME},
    share::{self, Places},
};

/// How often the queue itself runs a job again. Retries of an item are ours and come as new jobs;
/// this only covers a worker that could not even record its failure.
const QUEUE_ATTEMPTS: usize = 25;

/// Jobs could not be put into the queue.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// A payload could not be written as JSON.
    #[error("could not write the payload of a job")]
    Payload(#[source] serde_json::Error),
    /// The queue's table did not take them.
    #[error("could not write jobs to the queue")]
    Push(#[source] apalis_postgres::Error),
    /// The clock could not be read, or the idle workers could not be told.
    #[error("could not time or announce jobs")]
    Announce(#[source] sqlx::Error),
}

/// Adds one job for each pair, to be taken after `delay` (whole seconds; the queue's clock has no
/// finer grain). The same number of statements whatever the number of jobs, and one NOTIFY at
/// commit.
///
/// The connection must have `hstore` on its `search_path`: never a connection that entered a
/// tenant's schema.
///
/// # Errors
/// When the database refuses a statement.
pub async fn enqueue(
    conn: &mut PgConnection,
    jobs: &[(ItemId, JobId)],
    delay: Duration,
) -> Result<(), EnqueueError> {
    enqueue_behind(conn, jobs, delay, 0).await
}

/// As [`enqueue`], for the jobs of a caller who has `ahead` other batches open: the more there
/// are, the wider apart these jobs stand among those of other callers.
///
/// # Errors
/// When the database refuses a statement.
pub async fn enqueue_behind(
    conn: &mut PgConnection,
    jobs: &[(ItemId, JobId)],
    delay: Duration,
    ahead: u32,
) -> Result<(), EnqueueError> {
    if jobs.is_empty() {
        return Ok(());
    }
    // The database's clock decides when a job is due, so it also says when that is.
    let (present, run_at) =
        share::present(conn, delay.as_secs_f64()).await.map_err(EnqueueError::Announce)?;
    let places = Places::new(present, ahead);
    let run_at = u64::try_from(run_at).unwrap_or_default();
    let tasks = jobs
        .iter()
        .enumerate()
        .map(|(k, (item, id))| {
            let payload = serde_json::to_vec(&Job::new(*item)).map_err(EnqueueError::Payload)?;
            Ok(TaskBuilder::new(payload)
                .task_id(TaskId::from_ulid(id.ulid()))
                .max_attempts(QUEUE_ATTEMPTS)
                .run_at_timestamp(run_at)
                .priority(places.priority(k))
                .build())
        })
        .collect::<Result<Vec<_>, _>>()?;
    push_tasks(&mut *conn, QUEUE_NAME, tasks).await.map_err(EnqueueError::Push)?;
    doorbell::ring(conn).await.map_err(EnqueueError::Announce)
}
