//! The items that this process has taken from the queue and not finished.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::ItemId;
use metrics::gauge;
use telemetry::names;
use tokio::{sync::Notify, time::Instant};

/// The items in work in this process.
#[derive(Debug, Clone)]
pub(crate) struct InProgress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    items: Mutex<Items>,
    emptied: Notify,
}

#[derive(Debug)]
struct Items {
    ids: HashSet<ItemId>,
    /// When the last one left.
    left_at: Instant,
}

/// Takes its item out of [`InProgress`] when dropped.
#[derive(Debug)]
pub(crate) struct Working {
    all: InProgress,
    item: ItemId,
}

impl Default for InProgress {
    fn default() -> Self {
        let items = Items { ids: HashSet::new(), left_at: Instant::now() };
        Self(Arc::new(Inner { items: Mutex::new(items), emptied: Notify::new() }))
    }
}

impl InProgress {
    /// Enters `item`; `None` when this process works on it already.
    pub(crate) fn enter(&self, item: ItemId) -> Option<Working> {
        let mut items = self.lock();
        let entered = items.ids.insert(item);
        gauge!(names::WORKER_BUSY).set(items.ids.len() as f64);
        entered.then(|| Working { all: self.clone(), item })
    }

    pub(crate) fn has(&self, item: ItemId) -> bool {
        self.lock().ids.contains(&item)
    }

    /// For how long nothing has been in work; `None` while something is.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        let items = self.lock();
        items.ids.is_empty().then(|| items.left_at.elapsed())
    }

    /// Returns when the last item has left, at once if it left since the call before.
    pub(crate) async fn emptied(&self) {
        self.0.emptied.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Items> {
        self.0.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut items = self.all.lock();
        items.ids.remove(&self.item);
        items.left_at = Instant::now();
        gauge!(names::WORKER_BUSY).set(items.ids.len() as f64);
        if items.ids.is_empty() {
            self.all.0.emptied.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_in_work_once_and_until_it_is_dropped() {
        let in_progress = InProgress::default();
        let item = ItemId::new(1);

        let first = in_progress.enter(item);
        let second = in_progress.enter(item);

        assert!(first.is_some() && second.is_none() && in_progress.has(item));
        drop(first);
        assert!(in_progress.enter(item).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn is_idle_from_the_end_of_the_last_item() {
        let in_progress = InProgress::default();
        let (first, second) =
            (in_progress.enter(ItemId::new(1)), in_progress.enter(ItemId::new(2)));
        assert_eq!(in_progress.idle_for(), None);

        drop(first);
        assert_eq!(in_progress.idle_for(), None);
        drop(second);
        in_progress.emptied().await;
        tokio::time::advance(Duration::from_secs(3)).await;

        assert_eq!(in_progress.idle_for(), Some(Duration::from_secs(3)));
    }
}
