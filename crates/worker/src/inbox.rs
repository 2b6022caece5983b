//! Items whose jobs have come, waiting for a lane to take them: those of one class first.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::ItemId;
use queue::{Class, Handled};
use tokio::sync::{Notify, oneshot};

use crate::in_progress::InProgress;

/// An item, and where to say what became of its job. Dropped unanswered, it was not begun.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) item: ItemId,
    pub(crate) reply: oneshot::Sender<Handled>,
}

/// The items that wait, shared out evenly among the lanes that have nothing to do.
#[derive(Debug)]
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    changed: Notify,
    /// The class of those that come first.
    first: Class,
    /// Lanes that may work on tenants that are there, at a time.
    fleet_lanes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    first: VecDeque<Waiting>,
    fleet: VecDeque<Waiting>,
    /// Lanes that wait for items.
    idle: usize,
    /// Lanes that work on tenants that are there.
    at_fleet: usize,
    closed: bool,
}

/// What a lane took, and its place if that is limited: keep it until the work is over.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) place: Option<FleetPlace<'a>>,
}

impl Inbox {
    /// One for items of class `first`, and of tenants that are there, on so many lanes at a time.
    pub(crate) fn new(first: Class, fleet_lanes: usize) -> Self {
        Self { inner: Mutex::default(), changed: Notify::new(), first, fleet_lanes }
    }

    /// Waits until a lane has worked on `item` as far as it goes.
    pub(crate) async fn handle(
        &self,
        in_progress: &InProgress,
        item: ItemId,
        class: Class,
    ) -> Handled {
        // In work in this process: the job is an old one's double, or the item's next, which
        // came before the work under the old one was quite over. It comes again in a moment.
        let Some(_working) = in_progress.enter(item) else { return Handled::Again };
        match self.put(item, class) {
            Some(told) => told.await.unwrap_or(Handled::Unbegun),
            None => Handled::Unbegun,
        }
    }

    /// Adds `item`; what comes back tells what became of its job. `None` once closed.
    pub(crate) fn put(&self, item: ItemId, class: Class) -> Option<oneshot::Receiver<Handled>> {
        let (reply, told) = oneshot::channel();
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        let line = match class {
            Class::Fleet => &mut inner.fleet,
            Class::NewTenants | Class::Interrupts => &mut inner.first,
        };
        line.push_back(Waiting { item, reply });
        drop(inner);
        self.changed.notify_one();
        Some(told)
    }

    /// Takes the oldest items, of the class that comes first if there are some: the caller's even share with the other
    /// idle lanes, at most as many of a class as `room` says then. Waits until there is one; `None` once
    /// closed.
    pub(crate) async fn take(&self, room: impl Fn(Class) -> usize) -> Option<Taken<'_>> {
        let _idle = Idle::enter(self);
        loop {
            if let Some(taken) = self.try_take(&room) {
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
            let waiting = self.lock().waiting();
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
        inner.first.clear();
        inner.fleet.clear();
        drop(inner);
        // One that is about to wait finds the permit, and passes it on.
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// `None`: there is nothing yet. `Some(None)`: there will be nothing any more.
    fn try_take(&self, room: impl Fn(Class) -> usize) -> Option<Option<Taken<'_>>> {
        let mut inner = self.lock();
        if inner.closed {
            self.changed.notify_one();
            return Some(None);
        }
        let class = self.next(&inner)?;
        let (idle, most) = (inner.idle.max(1), room(class));
        let (waiting, place) = match class {
            Class::NewTenants | Class::Interrupts => (share(&mut inner.first, idle, most), None),
            Class::Fleet => {
                let free = self.fleet_lanes - inner.at_fleet;
                let waiting = share(&mut inner.fleet, idle.min(free), most);
                inner.at_fleet += 1;
                (waiting, Some(FleetPlace(self)))
            }
        };
        if self.next(&inner).is_some() {
            self.changed.notify_one();
        }
        Some(Some(Taken { waiting, place }))
    }

    /// The class that a lane takes next, if there is something for it.
    fn next(&self, inner: &Inner) -> Option<Class> {
        if !inner.first.is_empty() {
            return Some(self.first);
        }
        (!inner.fleet.is_empty() && inner.at_fleet < self.fleet_lanes).then_some(Class::Fleet)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn waiting(&self) -> usize {
        self.first.len() + self.fleet.len()
    }
}

/// The oldest of a line: an even share of it for so many lanes, one at least.
fn share(line: &mut VecDeque<Waiting>, lanes: usize, most: usize) -> Vec<Waiting> {
    let share = line.len().div_ceil(lanes).min(most).max(1);
    line.drain(..share.min(line.len())).collect()
}

/// A lane's right to work on tenants that are there.
#[derive(Debug)]
pub(crate) struct FleetPlace<'a>(&'a Inbox);

impl Drop for FleetPlace<'_> {
    fn drop(&mut self) {
        self.0.lock().at_fleet -= 1;
        self.0.changed.notify_one();
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

    const FLEET: usize = 2;

    /// Eight of those that are made, three of those that are there.
    fn room(class: Class) -> usize {
        if class == Class::Fleet { 3 } else { 8 }
    }

    type Told = Vec<oneshot::Receiver<Handled>>;

    fn put(inbox: &Inbox, class: Class, items: std::ops::Range<i64>) -> Told {
        items.filter_map(|item| inbox.put(ItemId::new(item), class)).collect()
    }

    fn items(taken: &Taken<'_>) -> Vec<i64> {
        taken.waiting.iter().map(|waiting| waiting.item.get()).collect()
    }

    #[tokio::test]
    async fn a_lane_alone_takes_the_oldest_up_to_its_most() {
        let inbox = Inbox::new(Class::NewTenants, FLEET);
        let _told = put(&inbox, Class::NewTenants, 0..5);

        let taken = inbox.take(|_| 3).await.unwrap();

        assert_eq!(items(&taken), [0, 1, 2]);
        assert_eq!(inbox.take(|_| 3).await.unwrap().waiting.len(), 2);
    }

    #[tokio::test]
    async fn new_tenants_come_first_however_much_else_came_before() {
        let inbox = Inbox::new(Class::NewTenants, FLEET);
        let _fleet = put(&inbox, Class::Fleet, 0..100);
        let _new = put(&inbox, Class::NewTenants, 100..102);

        let first = inbox.take(room).await.unwrap();

        assert_eq!(items(&first), [100, 101]);
        assert_eq!(items(&inbox.take(room).await.unwrap()), [0, 1, 2], "a few at once");
    }

    #[tokio::test]
    async fn no_more_lanes_than_allowed_work_on_tenants_that_are_there() {
        let inbox = Inbox::new(Class::NewTenants, FLEET);
        let _fleet = put(&inbox, Class::Fleet, 0..100);
        let first = inbox.take(room).await.unwrap();
        let _second = inbox.take(room).await.unwrap();
        let mut third = std::pin::pin!(inbox.take(room));
        assert!(futures::poll!(third.as_mut()).is_pending(), "two lanes are at it");

        let _new = put(&inbox, Class::NewTenants, 100..101);
        assert_eq!(items(&third.await.unwrap()), [100]);
        let mut fourth = std::pin::pin!(inbox.take(room));
        assert!(futures::poll!(fourth.as_mut()).is_pending());
        drop(first);

        assert_eq!(items(&fourth.await.unwrap()), [6, 7, 8], "the place of the first is free");
    }

    #[tokio::test]
    async fn all_that_was_put_is_taken_once() {
        let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
        let lanes: Vec<_> = (0..4)
            .map(|_| {
                let inbox = Arc::clone(&inbox);
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while let Some(taken) = inbox.take(room).await {
                        took.extend(items(&taken));
                        tokio::task::yield_now().await;
                        for waiting in taken.waiting {
                            waiting.reply.send(Handled::Done).unwrap();
                        }
                    }
                    took
                })
            })
            .collect();

        let fleet = put(&inbox, Class::Fleet, 0..500);
        let new = put(&inbox, Class::NewTenants, 500..1000);
        for told in fleet.into_iter().chain(new) {
            assert_eq!(told.await, Ok(Handled::Done));
        }
        inbox.close();

        let mut all = Vec::new();
        for lane in lanes {
            all.extend(lane.await.unwrap());
        }
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn idle_lanes_share_what_comes() {
        let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
        let lanes: Vec<_> = (0..4)
            .map(|_| {
                let inbox = Arc::clone(&inbox);
                tokio::spawn(async move { inbox.take(room).await.unwrap().waiting.len() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;

        let _told = put(&inbox, Class::NewTenants, 0..8);

        let mut shares = Vec::new();
        for lane in lanes {
            shares.push(lane.await.unwrap());
        }
        assert_eq!(shares.iter().sum::<usize>(), 8);
        assert!(shares.iter().all(|share| *share <= 4), "{shares:?}");
    }

    #[tokio::test]
    async fn closed_it_lets_everybody_go() {
        let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
        let lane = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move { inbox.take(|_| 1).await.is_none() }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        inbox.close();
        assert!(lane.await.unwrap());

        assert!(inbox.put(ItemId::new(1), Class::NewTenants).is_none());
        assert!(inbox.take(|_| 1).await.is_none());
    }

    #[tokio::test]
    async fn items_let_go_were_not_begun() {
        let inbox = Inbox::new(Class::NewTenants, FLEET);
        let told = [Class::NewTenants, Class::Fleet]
            .map(|class| inbox.put(ItemId::new(1), class).unwrap());

        inbox.close();

        for told in told {
            assert!(told.await.is_err());
        }
    }

    #[tokio::test]
    async fn a_life_that_is_given_up_lets_everybody_go() {
        let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
        let told = inbox.put(ItemId::new(1), Class::Fleet).unwrap();
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
        assert!(inbox.put(ItemId::new(2), Class::Fleet).is_none());
    }
}
