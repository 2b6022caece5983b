//! How far open batches are: each is counted four times a second at most, however many callers ask.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::OperationId;
use store::operations::Counts;

use crate::http::problem::Problem;

/// A count is reused for this long. Callers look at progress about twice a second.
const REUSED: Duration = Duration::from_millis(250);

/// Items up to which a batch is counted each time: that costs less than the rest of the answer.
const SMALL: u64 = 500;

/// The last count of a batch. The caller that counts holds it; the others wait for what it finds.
type Slot = Arc<tokio::sync::Mutex<Option<Counted>>>;

/// The last counts of the batches that callers watch.
#[derive(Debug, Default)]
pub(crate) struct OpenCounts(Mutex<HashMap<OperationId, Slot>>);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) counts: Counts,
    pub(crate) at: Instant,
}

impl Counted {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < REUSED
    }

    /// Whether it can still stand for the batch's `run` at `now`.
    fn serves(&self, run: i32, now: Instant) -> bool {
        self.counts.run == run && self.counts.progress.total > SMALL && self.is_fresh(now)
    }
}

impl OpenCounts {
    /// What was counted of `batch` in its run `run` not long ago, or else what `count` finds.
    pub(crate) async fn of(
        &self,
        batch: OperationId,
        run: i32,
        count: impl Future<Output = Result<Counts, Problem>>,
    ) -> Result<Counted, Problem> {
        let slot = self.slot(batch, Instant::now());
        let mut last = slot.lock().await;
        if let Some(counted) = last.filter(|counted| counted.serves(run, Instant::now())) {
            return Ok(counted);
        }
        let counts = count.await?;
        Ok(*last.insert(Counted { counts, at: Instant::now() }))
    }

    /// The next to ask about `batch` has it counted, because a request changed it.
    pub(crate) fn forget(&self, batch: OperationId) {
        self.slots().remove(&batch);
    }

    fn slot(&self, batch: OperationId, now: Instant) -> Slot {
        let mut slots = self.slots();
        if !slots.contains_key(&batch) {
            // Those in use, and those that can still serve.
            slots.retain(|_, slot| {
                Arc::strong_count(slot) > 1
                    || slot.try_lock().is_ok_and(|last| last.is_some_and(|it| it.is_fresh(now)))
            });
        }
        Arc::clone(slots.entry(batch).or_default())
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<OperationId, Slot>> {
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

    fn at(at: Instant) -> Counted {
        Counted { counts: counts(1, 0), at }
    }

    #[test]
    fn a_count_serves_a_quarter_of_a_second() {
        let large = at(Instant::now());
        let after = |ms| large.serves(1, large.at + Duration::from_millis(ms));

        assert!(after(0) && after(249) && !after(250));
    }

    #[test]
    fn a_count_serves_neither_another_run_nor_a_small_batch() {
        let large = at(Instant::now());
        let mut small = large;
        small.counts.progress.total = SMALL;

        assert!(large.serves(1, large.at));
        assert!(!large.serves(2, large.at));
        assert!(!small.serves(1, small.at));
    }

    /// Lets others run in between.
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
    fn forgets_counts_that_can_serve_no_more() {
        let (open, now) = (OpenCounts::default(), Instant::now());
        for _ in 0..1000 {
            *open.slot(OperationId::mint(), now).try_lock().unwrap() = Some(at(now));
        }
        let kept = open.slots().len();

        let watched = OperationId::mint();
        open.slot(watched, now + REUSED);

        assert_eq!(kept, 1000);
        assert_eq!(open.slots().keys().copied().collect::<Vec<_>>(), [watched]);
    }
}
