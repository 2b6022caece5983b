//! Shares: how much of one thing a single caller may hold at a time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Callers remembered before those that hold nothing are forgotten.
const REMEMBERED: usize = 1024;

/// The share of each caller.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    most: usize,
    rooms: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K: Eq + Hash> Shares<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, rooms: Mutex::default() }
    }

    pub(crate) fn of(&self, caller: K) -> Arc<Semaphore> {
        // Nothing that can panic is done while it is held.
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= REMEMBERED {
            rooms.retain(|_, room| Arc::strong_count(room) > 1);
        }
        Arc::clone(rooms.entry(caller).or_insert_with(|| Arc::new(Semaphore::new(self.most))))
    }

    /// One place of the share of `caller`; `None` when all are taken.
    pub(crate) fn take(&self, caller: K) -> Option<OwnedSemaphorePermit> {
        self.of(caller).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_takes_its_share_and_nothing_of_another() {
        let shares = Shares::new(2);

        let held = (shares.take("busy"), shares.take("busy"));

        assert!(held.0.is_some() && held.1.is_some());
        assert!(shares.take("busy").is_none());
        assert!(shares.take("idle").is_some());
        drop(held);
        assert!(shares.take("busy").is_some());
    }

    #[test]
    fn callers_that_hold_nothing_are_forgotten_and_the_others_are_not() {
        let shares = Shares::new(1);
        let held = shares.take(0);
        for caller in 1..10 * REMEMBERED {
            assert!(shares.take(caller).is_some());
        }

        assert!(shares.rooms.lock().unwrap().len() <= REMEMBERED);
        assert!(held.is_some() && shares.take(0).is_none());
    }
}
