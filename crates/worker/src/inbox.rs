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
    /// Lanes that may work on tenants that are there, at a time and at most.
    fleet_lanes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    first: VecDeque<Waiting>,
    fleet: VecDeque<Waiting>,
    /// Lanes that wait for items.
    idle: usize,
    /// Lanes that work on tenants that are there, but those that stepped aside.
    at_fleet: usize,
    /// Lanes that stepped aside.
    aside: usize,
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
    /// idle lanes, at most as many of a class as `room` says then. Of tenants that are there only while fewer lanes
    /// than `lanes` says work on such, without those that stepped aside. Waits until there is one; `None` once closed.
    pub(crate) async fn take(
        &self,
        room: impl Fn(Class) -> usize,
        lanes: impl Fn() -> usize,
    ) -> Option<Taken<'_>> {
        let _idle = Idle::enter(self);
        loop {
            if let Some(taken) = self.try_take(&room, lanes()) {
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
    fn try_take(&self, room: impl Fn(Class) -> usize, lanes: usize) -> Option<Option<Taken<'_>>> {
        let mut inner = self.lock();
        if inner.closed {
            self.changed.notify_one();
            return Some(None);
        }
        let class = self.next(&inner, lanes)?;
        let (idle, most) = (inner.idle.max(1), room(class));
        let (waiting, place) = match class {
            Class::NewTenants | Class::Interrupts => (share(&mut inner.first, idle, most), None),
            Class::Fleet => {
                let free = self.free(&inner, lanes);
                let waiting = share(&mut inner.fleet, idle.min(free), most);
                inner.at_fleet += 1;
                (waiting, Some(FleetPlace { inbox: self, is_aside: false }))
            }
        };
        if self.next(&inner, lanes).is_some() {
            self.changed.notify_one();
        }
        Some(Some(Taken { waiting, place }))
    }

    /// The class that a lane takes next, if there is something for it.
    fn next(&self, inner: &Inner, lanes: usize) -> Option<Class> {
        if !inner.first.is_empty() {
            return Some(self.first);
        }
        (!inner.fleet.is_empty() && self.free(inner, lanes) > 0).then_some(Class::Fleet)
    }

    /// Lanes that may begin to work on tenants that are there.
    fn free(&self, inner: &Inner, lanes: usize) -> usize {
        lanes.min(self.fleet_lanes - inner.aside).saturating_sub(inner.at_fleet)
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
pub(crate) struct FleetPlace<'a> {
    inbox: &'a Inbox,
    is_aside: bool,
}

impl FleetPlace<'_> {
    /// The work takes long: another lane may begin beside it, as far as the setting allows.
    pub(crate) fn step_aside(&mut self) {
        let mut inner = self.inbox.lock();
        inner.at_fleet -= 1;
        inner.aside += 1;
        self.is_aside = true;
        drop(inner);
        self.inbox.changed.notify_one();
    }
}

impl Drop for FleetPlace<'_> {
    fn drop(&mut self) {
        let mut inner = self.inbox.lock();
        if self.is_aside {
            inner.aside -= 1;
        } else {
            inner.at_fleet -= 1;
        }
        drop(inner);
        self.inbox.changed.notify_one();
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
mod tests;
