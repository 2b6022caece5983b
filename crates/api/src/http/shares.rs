//! What a single caller may hold at a time, and how often it may ask.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::StatusCode;
use domain::OperatorId;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::Problem;

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

/// The caller that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// An operator, by its token.
    Operator(OperatorId),
    /// Callers without a good token, by address.
    Address(Option<IpAddr>),
}

pub(crate) struct RateLimit {
    limiter: DefaultKeyedRateLimiter<Key>,
    clock: DefaultClock,
}

impl RateLimit {
    /// `per_second` requests a second on average, `burst` at once; at least one of each.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts one request of `key`.
    ///
    /// # Errors
    /// 429 with the seconds to wait when `key` has used up its share.
    pub(crate) fn check(&self, key: Key) -> Result<(), Problem> {
        self.limiter.check_key(&key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = "too many requests from this caller; wait as long as Retry-After says";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
                .with_retry_after(secs.max(1))
        })
    }

    /// Forgets callers that have their whole share again.
    pub(crate) fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
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

    #[test]
    fn stops_one_caller_after_its_burst_and_no_other() {
        let limit = RateLimit::new(1, 3);
        let (busy, idle) = (Key::Operator(OperatorId::new(1)), Key::Operator(OperatorId::new(2)));

        let first: Vec<bool> = (0..4).map(|_| limit.check(busy).is_ok()).collect();

        assert_eq!(first, [true, true, true, false]);
        assert_eq!(limit.check(busy).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(limit.check(idle).is_ok());
    }
}
