//! Lets the making of new tenants go first: work on existing tenants pauses meanwhile, in all processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

/// Longest wait at a time. The transaction that waits holds up the users of its tenants, and however many tenants are
/// made, a fleet moves on.
const AT_MOST: Duration = Duration::from_millis(50);

/// How many tenants are made now, as far as this process knows. Clones count together.
#[derive(Debug, Clone)]
pub struct Making(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    made: watch::Sender<usize>,
    /// For how long transactions have waited, in microseconds.
    waited: AtomicU64,
}

/// A tenant that is being made, until this is dropped.
#[derive(Debug)]
pub struct OneMore(Making);

impl Default for Making {
    fn default() -> Self {
        Self(Arc::new(Counts { made: watch::Sender::new(0), waited: AtomicU64::default() }))
    }
}

impl Making {
    /// Another tenant is to be made.
    #[must_use]
    pub fn begin(&self) -> OneMore {
        self.0.made.send_modify(|made| *made += 1);
        OneMore(self.clone())
    }

    /// Whenever jobs come: another process may have taken them, and makes tenants. Never returns.
    pub async fn elsewhere(&self, jobs: &Notify) {
        loop {
            jobs.notified().await;
            let _one_more = self.begin();
            sleep(AT_MOST).await;
        }
    }

    /// How many wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.made.receiver_count()
    }

    /// For how long the transactions of this process have given way so far.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.0.waited.load(Ordering::Relaxed))
    }

    /// Waits until no tenant is being made, but not for long.
    pub async fn give_way(&self) {
        let began = Instant::now();
        let mut seen = self.0.made.subscribe();
        // When the time is over it is our turn, whatever is being made. The sender lives as long as `self`.
        let _ = timeout(AT_MOST, seen.wait_for(|made| *made == 0)).await;
        let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.waited.fetch_add(waited, Ordering::Relaxed);
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.0.made.send_modify(|made| *made -= 1);
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fleet_waits_for_those_that_are_made_and_not_for_long() {
        let making = Making::default();
        let began = Instant::now();
        making.give_way().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "nothing is made");

        let (one, two) = (making.begin(), making.begin());
        let gives = making.clone();
        let waits = tokio::spawn(async move { gives.give_way().await });
        sleep(Duration::from_millis(10)).await;
        drop(one);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(making.waiting(), 1, "another one is made yet");
        drop(two);
        waits.await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(20));

        let _for_ever = making.begin();
        making.give_way().await;
        assert_eq!(began.elapsed(), Duration::from_millis(20) + AT_MOST);
        assert_eq!(making.waited(), began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fleet_waits_a_moment_when_jobs_come_to_whomever() {
        let (making, jobs) = (Making::default(), Arc::new(Notify::new()));
        let (hears, rung) = (making.clone(), Arc::clone(&jobs));
        let hearing = tokio::spawn(async move { hears.elsewhere(&rung).await });
        making.give_way().await;
        assert_eq!(making.waited(), Duration::ZERO);

        jobs.notify_one();
        sleep(Duration::from_millis(10)).await;
        making.give_way().await;
        assert_eq!(making.waited(), AT_MOST - Duration::from_millis(10));

        making.give_way().await;
        assert_eq!(making.waited(), AT_MOST - Duration::from_millis(10), "it is over");
        hearing.abort();
    }
}
