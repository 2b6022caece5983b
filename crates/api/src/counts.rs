//! How far open batches are, counted anew only now and then, however often somebody asks.
//!
//! A count reads every item of a batch. What it found is used again for a time that follows from
//! how long it took, so that counting takes a fiftieth of the time at most, whoever polls how often.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::OperationId;
use store::operations::Counts;
use tokio::sync::Mutex as Line;

use crate::problem::Problem;

/// A count is reused for this many times as long as it took.
const TIMES: u32 = 50;

/// Longest time for which a count is reused: callers look at progress about twice a second.
const LONGEST: Duration = Duration::from_millis(500);

/// Items up to which a batch is counted each time: that costs less than the rest of the answer.
const SMALL: u64 = 500;

/// How long the count of a batch that nobody asks about is kept.
const KEPT: Duration = Duration::from_secs(10);

/// What was counted of the batches that are being watched.
#[derive(Debug, Default)]
pub(crate) struct OpenCounts(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    batches: HashMap<OperationId, Entry>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    asked: Instant,
    /// Whoever counts holds it: the others wait for what it finds.
    last: Arc<Line<Option<Counted>>>,
}

/// A count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) counts: Counts,
    /// When it was done.
    pub(crate) at: Instant,
    took: Duration,
}

impl Counted {
    /// The count that was begun at `begun` and is done at `at`.
    fn new(counts: Counts, begun: Instant, at: Instant) -> Self {
        Self { counts, at, took: at.saturating_duration_since(begun) }
    }

    /// Whether it can still stand for the batch's `run` at `now`.
    fn serves(&self, run: i32, now: Instant) -> bool {
        let good_for = (self.took * TIMES).min(LONGEST);
        self.counts.run == run
            && self.counts.progress.total > SMALL
            && now.saturating_duration_since(self.at) < good_for
    }
}

impl OpenCounts {
    /// What was counted of `batch` in its run `run` not long ago, or else what `count` finds.
    ///
    /// # Errors
    /// What `count` fails with.
    pub(crate) async fn of(
        &self,
        batch: OperationId,
        run: i32,
        count: impl Future<Output = Result<Counts, Problem>>,
    ) -> Result<Counted, Problem> {
        let last = self.watch(batch, Instant::now());
        let mut last = last.lock().await;
        let begun = Instant::now();
        if let Some(counted) = last.filter(|counted| counted.serves(run, begun)) {
            return Ok(counted);
        }
        let counted = Counted::new(count.await?, begun, Instant::now());
        *last = Some(counted);
        Ok(counted)
    }

    /// The next to ask about `batch` has it counted: somebody changed it.
    pub(crate) fn forget(&self, batch: OperationId) {
        self.watched().batches.remove(&batch);
    }

    fn watch(&self, batch: OperationId, now: Instant) -> Arc<Line<Option<Counted>>> {
        let mut watched = self.watched();
        if watched.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= KEPT) {
            watched.batches.retain(|_, e| now.saturating_duration_since(e.asked) < KEPT);
            watched.swept = Some(now);
        }
        let entry = watched.batches.entry(batch);
        let entry = entry.or_insert_with(|| Entry { asked: now, last: Arc::default() });
        entry.asked = now;
        Arc::clone(&entry.last)
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        // Nothing that can panic is done while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future};

    use domain::Progress;
    use futures::future::join_all;

    use super::*;

    fn counts(run: i32, succeeded: u64) -> Counts {
        let progress = Progress { total: 10_000, succeeded, ..Progress::default() };
        Counts { run, progress, ended_in_run: succeeded }
    }

    fn took(ms: u64) -> Counted {
        let begun = Instant::now();
        Counted::new(counts(1, 0), begun, begun + Duration::from_millis(ms))
    }

    #[test]
    fn a_count_serves_fifty_times_as_long_as_it_took_and_half_a_second_at_most() {
        let after =
            |counted: Counted, ms| counted.serves(1, counted.at + Duration::from_millis(ms));

        assert!(after(took(4), 199) && !after(took(4), 200));
        assert!(after(took(900), 499) && !after(took(900), 500));
        assert!(!after(took(0), 0));
    }

    #[test]
    fn a_count_serves_neither_another_run_nor_a_small_batch() {
        let large = took(4);
        let mut small = large;
        small.counts.progress.total = SMALL;

        assert!(large.serves(1, large.at));
        assert!(!large.serves(2, large.at));
        assert!(!small.serves(1, small.at));
    }

    /// Lets others run in between, and takes long enough to be used again by them.
    async fn slowly(asked: &Cell<u64>) -> Result<Counts, Problem> {
        asked.set(asked.get() + 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(counts(1, asked.get()))
    }

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_count() {
        let (open, asked, batch) = (OpenCounts::default(), Cell::new(0), OperationId::mint());

        let polls = (0..50).map(|_| open.of(batch, 1, slowly(&asked)));
        let told = join_all(polls).await;

        assert_eq!(asked.get(), 1);
        assert!(told.into_iter().all(|c| c.unwrap().counts == counts(1, 1)));
    }

    #[tokio::test]
    async fn what_was_changed_is_counted_anew() {
        let (open, asked, batch) = (OpenCounts::default(), Cell::new(0), OperationId::mint());
        open.of(batch, 1, slowly(&asked)).await.unwrap();

        open.forget(batch);
        let told = open.of(batch, 1, slowly(&asked)).await.unwrap();

        assert_eq!(told.counts.progress.succeeded, 2);
    }

    #[tokio::test]
    async fn who_gives_up_or_fails_keeps_nobody_waiting() {
        let (open, batch) = (OpenCounts::default(), OperationId::mint());
        let given_up = open.of(batch, 1, future::pending());
        tokio::time::timeout(Duration::from_millis(1), given_up).await.unwrap_err();

        let failed = open.of(batch, 1, async { Err(Problem::try_again()) }).await;
        let next = open.of(batch, 1, async { Ok(counts(1, 7)) }).await;

        assert!(failed.is_err());
        assert_eq!(next.unwrap().counts, counts(1, 7));
    }

    #[test]
    fn forgets_batches_that_nobody_asks_about() {
        let (open, now) = (OpenCounts::default(), Instant::now());
        for _ in 0..1000 {
            open.watch(OperationId::mint(), now);
        }

        let (later, watched) = (now + KEPT, OperationId::mint());
        open.watch(watched, later);

        let kept: Vec<OperationId> = open.watched().batches.keys().copied().collect();
        assert_eq!(kept, [watched]);
    }
}
