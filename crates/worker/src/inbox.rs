//! Items whose jobs have come, waiting for a lane to take them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::ItemId;
use queue::Handled;
use tokio::sync::{Notify, oneshot};

/// An item, and where to say what became of its job. Dropped unanswered, it was not begun.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) item: ItemId,
    pub(crate) reply: oneshot::Sender<Handled>,
}

/// The items that wait, shared out evenly among the lanes that have nothing to do.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    /// Lanes that wait for items.
    idle: usize,
    closed: bool,
}

impl Inbox {
    /// Adds `item`; what comes back tells what became of its job. `None` once closed.
    pub(crate) fn put(&self, item: ItemId) -> Option<oneshot::Receiver<Handled>> {
        let (reply, told) = oneshot::channel();
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        inner.waiting.push_back(Waiting { item, reply });
        drop(inner);
        self.changed.notify_one();
        Some(told)
    }

    /// Takes the oldest items: the caller's even share with the other idle lanes, at most as many as
    /// `room` says then. Waits until there is one; `None` once closed.
    pub(crate) async fn take(&self, room: impl Fn() -> usize) -> Option<Vec<Waiting>> {
        let _idle = Idle::enter(self);
        loop {
            if let Some(taken) = self.try_take(room()) {
                return taken;
            }
            self.changed.notified().await;
            self.settled().await;
        }
    }

    /// Jobs that were fetched together are put one by one: the first is not to be taken alone.
    async fn settled(&self) {
        let mut seen = 0;
        loop {
            let waiting = self.lock().waiting.len();
            if waiting <= seen {
                return;
            }
            seen = waiting;
            tokio::task::yield_now().await;
        }
    }

    /// Lets go of all that wait, and takes no more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.waiting.clear();
        drop(inner);
        // One that is about to wait finds the permit, and passes it on.
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// `None`: there is nothing yet. `Some(None)`: there will be nothing any more.
    fn try_take(&self, most: usize) -> Option<Option<Vec<Waiting>>> {
        let mut inner = self.lock();
        if inner.closed {
            self.changed.notify_one();
            return Some(None);
        }
        let share = inner.waiting.len().div_ceil(inner.idle.max(1)).min(most);
        if share == 0 {
            return None;
        }
        let taken = inner.waiting.drain(..share).collect();
        if !inner.waiting.is_empty() {
            self.changed.notify_one();
        }
        Some(Some(taken))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the inbox when dropped: a life that is given up lets go of everybody who waits in it, or
/// they would wait for ever.
#[derive(Debug)]
pub(crate) struct Closer(pub(crate) Arc<Inbox>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Counts a lane as idle, also when its wait is given up.
struct Idle<'a>(&'a Inbox);

impl<'a> Idle<'a> {
    fn enter(inbox: &'a Inbox) -> Self {
        inbox.lock().idle += 1;
        Self(inbox)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.lock().idle -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn put(inbox: &Inbox, items: std::ops::Range<i64>) -> Vec<oneshot::Receiver<Handled>> {
        items.filter_map(|item| inbox.put(ItemId::new(item))).collect()
    }

    #[tokio::test]
    async fn a_lane_alone_takes_the_oldest_up_to_its_most() {
        let inbox = Inbox::default();
        let _told = put(&inbox, 0..5);

        let taken = inbox.take(|| 3).await.unwrap();

        let items: Vec<i64> = taken.iter().map(|waiting| waiting.item.get()).collect();
        assert_eq!(items, [0, 1, 2]);
        assert_eq!(inbox.take(|| 3).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn idle_lanes_share_what_comes() {
        let inbox = Arc::new(Inbox::default());
        let lanes: Vec<_> = (0..4)
            .map(|_| {
                let inbox = Arc::clone(&inbox);
                tokio::spawn(async move { inbox.take(|| 8).await.unwrap().len() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;

        let _told = put(&inbox, 0..8);

        let mut shares = Vec::new();
        for lane in lanes {
            shares.push(lane.await.unwrap());
        }
        assert_eq!(shares.iter().sum::<usize>(), 8);
        assert!(shares.iter().all(|share| *share <= 4), "{shares:?}");
    }

    #[tokio::test]
    async fn closed_it_lets_everybody_go() {
        let inbox = Arc::new(Inbox::default());
        let lane = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move { inbox.take(|| 1).await.is_none() }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        inbox.close();
        assert!(lane.await.unwrap());

        assert!(inbox.put(ItemId::new(1)).is_none());
        assert!(inbox.take(|| 1).await.is_none());
    }

    #[tokio::test]
    async fn an_item_let_go_was_not_begun() {
        let inbox = Inbox::default();
        let told = inbox.put(ItemId::new(1)).unwrap();

        inbox.close();

        assert!(told.await.is_err());
    }

    #[tokio::test]
    async fn a_life_that_is_given_up_lets_everybody_go() {
        let inbox = Arc::new(Inbox::default());
        let told = inbox.put(ItemId::new(1)).unwrap();
        let life = tokio::spawn({
            let closer = Closer(Arc::clone(&inbox));
            async move {
                let _closer = closer;
                std::future::pending::<()>().await;
            }
        });

        life.abort();

        let waited = tokio::time::timeout(Duration::from_secs(10), told).await;
        assert!(waited.expect("the item is let go").is_err());
        assert!(inbox.put(ItemId::new(2)).is_none());
    }
}
