//! What one process knows of the pool of spares.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many spares this process believes there are. It may be wrong: others take and build them too.
/// Whoever relied on it then finds too few, and builds what is missing.
#[derive(Debug, Default)]
pub struct PoolView {
    ready: AtomicUsize,
    doubtful: AtomicBool,
    changed: Notify,
}

impl PoolView {
    /// So many are ready, as was just counted.
    pub fn note_ready(&self, spares: usize) {
        self.ready.store(spares, Ordering::Relaxed);
    }

    /// Spares believed to be ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// Counts on at most `most` of them: no other caller in this process does on the same.
    #[must_use]
    pub fn reserve(&self, most: usize) -> usize {
        let reserve = |ready: usize| Some(ready.saturating_sub(most));
        let before = self.ready.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve);
        let reserved = before.unwrap_or_default().min(most);
        if reserved > 0 {
            self.changed.notify_one();
        }
        reserved
    }

    /// Those counted on could not be had: nobody is to count on any before they are looked at.
    pub fn doubt(&self) {
        self.ready.store(0, Ordering::Relaxed);
        self.doubtful.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Whether there was reason to look at each; asked once.
    #[must_use]
    pub fn take_doubt(&self) -> bool {
        self.doubtful.swap(false, Ordering::Relaxed)
    }

    /// Returns once some were taken, or are in doubt.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_counts_on_what_another_counts_on() {
        let pool = PoolView::default();
        pool.note_ready(5);

        assert_eq!((pool.reserve(3), pool.reserve(3), pool.reserve(3)), (3, 2, 0));
    }

    #[test]
    fn in_doubt_nobody_counts_on_any() {
        let pool = PoolView::default();
        pool.note_ready(5);

        pool.doubt();

        assert_eq!(pool.reserve(1), 0);
        assert!(pool.take_doubt());
        assert!(!pool.take_doubt());
    }
}
