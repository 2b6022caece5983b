//! Puts jobs into the queue, in the caller's transaction.

use std::time::Duration;

use apalis::prelude::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_postgres::{Error, queries::push_tasks};
use domain::{ItemId, Kind};
use sqlx::PgConnection;

use crate::{
    job::{self, Class, Job},
    share::{self, Places},
};

/// How often the queue itself runs a job again. Retries of an item are ours and come as new jobs;
/// this only covers a worker that could not even record its failure.
const QUEUE_ATTEMPTS: usize = 25;

/// Jobs that one statement writes, at most: their parameters are in memory at once.
const PAGE: usize = 10_000;

/// Wakes a worker for each of `items`, given with the kind of its operation, after `delay` (whole seconds;
/// the queue's clock has no finer grain). The same number of statements for up to 10,000 items. Idle workers are not told:
/// [`crate::ring`] after the commit, if jobs are due.
///
/// Afterwards the session's search path is the schema of `hstore` alone: name all else with its
/// schema.
///
/// # Errors
/// When the database refuses a statement.
pub async fn wake(
    conn: &mut PgConnection,
    items: &[(ItemId, Kind)],
    delay: Duration,
) -> sqlx::Result<()> {
    Line::new(delay, 0).add(conn, items).await
}

/// Jobs that one transaction puts into the queue in several goes, as if it were one: they stand one
/// behind the other, those of each class by themselves, and are due at one time.
#[derive(Debug)]
pub struct Line {
    delay: Duration,
    ahead: u32,
    /// From when the first job of a class comes.
    begun: [Option<Begun>; Class::ALL.len()],
}

#[derive(Debug, Clone, Copy)]
struct Begun {
    places: Places,
    run_at: u64,
    jobs: usize,
}

impl Line {
    /// A line without jobs; `delay` as for [`wake`]. Their caller has `ahead` other operations open: the
    /// more there are, the wider apart these jobs stand among those of other callers.
    #[must_use]
    pub fn new(delay: Duration, ahead: u32) -> Self {
        Self { delay, ahead, begun: [None; Class::ALL.len()] }
    }

    /// Adds one job for each of `items` behind those that are in line. The same number of statements
    /// for up to 10,000 items; none without any.
    ///
    /// # Errors
    /// When the database refuses a statement.
    pub async fn add(
        &mut self,
        conn: &mut PgConnection,
        items: &[(ItemId, Kind)],
    ) -> sqlx::Result<()> {
        for class in Class::ALL {
            let of_class = items.iter().filter(|(_, kind)| Class::of(*kind) == class);
            let ids: Vec<ItemId> = of_class.map(|(item, _)| *item).collect();
            for page in ids.chunks(PAGE) {
                self.push(conn, class, page).await?;
            }
        }
        Ok(())
    }

    async fn push(
        &mut self,
        conn: &mut PgConnection,
        class: Class,
        items: &[ItemId],
    ) -> sqlx::Result<()> {
        let begun = match self.begun[class as usize] {
            Some(begun) => begun,
            None => self.begin(conn, class).await?,
        };
        let tasks = items.iter().zip(begun.jobs..).map(|(item, k)| {
            TaskBuilder::new(Job::new(*item).write())
                .task_id(TaskId::from_ulid(job::new_id(*item)))
                .max_attempts(QUEUE_ATTEMPTS)
                .run_at_timestamp(begun.run_at)
                .priority(begun.places.priority(k))
                .build()
        });
        push_tasks(conn, class.queue(), tasks.collect()).await.map_err(|error| match error {
            Error::Database(error) => error,
            other => sqlx::Error::Encode(Box::new(other)),
        })?;
        self.begun[class as usize] = Some(Begun { jobs: begun.jobs + items.len(), ..begun });
        Ok(())
    }

    /// The database's clock decides when a job is due, so it also says when that is.
    async fn begin(&self, conn: &mut PgConnection, class: Class) -> sqlx::Result<Begun> {
        let (present, run_at) =
            share::present(conn, class.queue(), self.delay.as_secs_f64()).await?;
        let places = Places::new(present, self.ahead);
        Ok(Begun { places, run_at: u64::try_from(run_at).unwrap_or_default(), jobs: 0 })
    }
}
