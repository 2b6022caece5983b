//! Whether this process has work, and since when it has none.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::gauge;
use telemetry::names;
use tokio::time::Instant;

/// The items in work in this process.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    items: usize,
    /// When the last one ended.
    ended: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(Inner { items: 0, ended: Instant::now() }))
    }
}

impl Activity {
    /// Adds `items` that are in progress.
    pub(crate) fn begin(&self, items: usize) {
        let mut inner = self.lock();
        inner.items += items;
        gauge!(names::WORKER_BUSY).set(inner.items as f64);
    }

    /// Subtracts `items`; true if nothing is in progress any more.
    pub(crate) fn end(&self, items: usize) -> bool {
        let mut inner = self.lock();
        inner.items = inner.items.saturating_sub(items);
        inner.ended = Instant::now();
        gauge!(names::WORKER_BUSY).set(inner.items as f64);
        inner.items == 0
    }

    /// For how long nothing has been in work; `None` while something is.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        let inner = self.lock();
        (inner.items == 0).then(|| inner.ended.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn is_idle_from_the_end_of_the_last_item() {
        let activity = Activity::default();
        activity.begin(2);
        activity.begin(1);
        assert_eq!(activity.idle_for(), None);

        assert!(!activity.end(1));
        assert!(activity.end(2));
        tokio::time::advance(Duration::from_secs(3)).await;

        assert_eq!(activity.idle_for(), Some(Duration::from_secs(3)));
    }
}
