//! Puts jobs into the queue, in the caller's transaction.

use std::time::Duration;

use apalis::prelude::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_postgres::queries::push_tasks;
use domain::ItemId;
use sqlx::PgConnection;

use crate::{
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
    /// The queue's table takes no other ids.
    #[error("item {item} has the job id `{id}`, which is not a ULID; give the item a new job")]
    Id {
        /// The item.
        item: ItemId,
        /// What its row says.
        id: String,
    },
    /// The queue's table did not take them.
    #[error("could not write jobs to the queue")]
    Push(#[source] apalis_postgres::Error),
    /// The place and time of the jobs could not be read.
    #[error("could not find a place for jobs in the queue")]
    Place(#[source] sqlx::Error),
}

impl EnqueueError {
    /// What the database said.
    ///
    /// # Errors
    /// The error itself when it is not the database's.
    pub fn into_database(self) -> Result<sqlx::Error, Self> {
        match self {
            Self::Place(error) | Self::Push(apalis_postgres::Error::Database(error)) => Ok(error),
            other => Err(other),
        }
    }
}

/// The jobs of `items` by their ids as `operation_items.job_id` has them.
///
/// # Errors
/// When one of them is not a job's id: its item would get no job.
pub fn jobs_of(items: Vec<(ItemId, String)>) -> Result<Vec<(ItemId, JobId)>, EnqueueError> {
    let read = |(item, id): (ItemId, String)| match JobId::parse(&id) {
        Some(job) => Ok((item, job)),
        None => Err(EnqueueError::Id { item, id }),
    };
    items.into_iter().map(read).collect()
}

/// Adds one job for each pair, to be taken after `delay` (whole seconds; the queue's clock has no
/// finer grain). The same number of statements whatever the number of jobs. Idle workers are not told:
/// [`crate::ring`] after the commit, if jobs are due.
///
/// Afterwards the session's search path is the schema of `hstore` alone: name all else with its
/// schema.
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

/// As [`enqueue`], for the jobs of a caller who has `ahead` other operations open: the more there
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
    let mut line = Line::new(delay, ahead);
    line.add(conn, jobs).await
}

/// Jobs that one transaction puts into the queue in several goes, as if it were one: they stand one
/// behind the other, and are due at one time.
#[derive(Debug)]
pub struct Line {
    delay: Duration,
    ahead: u32,
    /// From when the first job comes.
    begun: Option<Begun>,
}

#[derive(Debug, Clone, Copy)]
struct Begun {
    places: Places,
    run_at: u64,
    jobs: usize,
}

impl Line {
    /// A line of nobody yet; `delay` as for [`enqueue`], `ahead` as for [`enqueue_behind`].
    #[must_use]
    pub fn new(delay: Duration, ahead: u32) -> Self {
        Self { delay, ahead, begun: None }
    }

    /// Adds one job for each pair behind those that are in line. The same number of statements
    /// whatever the number of jobs; none without any.
    ///
    /// # Errors
    /// When the database refuses a statement.
    pub async fn add(
        &mut self,
        conn: &mut PgConnection,
        jobs: &[(ItemId, JobId)],
    ) -> Result<(), EnqueueError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let begun = match self.begun {
            Some(begun) => begun,
            None => self.begin(conn).await?,
        };
        let tasks = jobs
            .iter()
            .zip(begun.jobs..)
            .map(|((item, id), k)| {
                let payload =
                    serde_json::to_vec(&Job::new(*item)).map_err(EnqueueError::Payload)?;
                Ok(TaskBuilder::new(payload)
                    .task_id(TaskId::from_ulid(id.ulid()))
                    .max_attempts(QUEUE_ATTEMPTS)
                    .run_at_timestamp(begun.run_at)
                    .priority(begun.places.priority(k))
                    .build())
            })
            .collect::<Result<Vec<_>, _>>()?;
        push_tasks(conn, QUEUE_NAME, tasks).await.map_err(EnqueueError::Push)?;
        self.begun = Some(Begun { jobs: begun.jobs + jobs.len(), ..begun });
        Ok(())
    }

    /// The database's clock decides when a job is due, so it also says when that is.
    async fn begin(&self, conn: &mut PgConnection) -> Result<Begun, EnqueueError> {
        let (present, run_at) =
            share::present(conn, self.delay.as_secs_f64()).await.map_err(EnqueueError::Place)?;
        let places = Places::new(present, self.ahead);
        Ok(Begun { places, run_at: u64::try_from(run_at).unwrap_or_default(), jobs: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_whose_job_has_no_id_of_the_queue_is_named_and_none_is_left_out() {
        let (job, item) = (JobId::mint(), ItemId::new);

        let good = jobs_of(vec![(item(7), job.to_string())]).unwrap();
        let bad = jobs_of(vec![(item(7), job.to_string()), (item(8), "x".to_owned())]);

        assert_eq!(good, [(item(7), job)]);
        let told = bad.unwrap_err().to_string();
        assert!(told.starts_with("item 8 has the job id `x`"), "{told}");
    }
}
