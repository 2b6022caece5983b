//! How often one caller may ask.

use std::{net::IpAddr, num::NonZeroU32};

use axum::http::StatusCode;
use domain::OperatorId;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use crate::http::problem::Problem;

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
    fn stops_one_caller_after_its_burst_and_no_other() {
        let limit = RateLimit::new(1, 3);
        let (busy, idle) = (Key::Operator(OperatorId::new(1)), Key::Operator(OperatorId::new(2)));

        let first: Vec<bool> = (0..4).map(|_| limit.check(busy).is_ok()).collect();

        assert_eq!(first, [true, true, true, false]);
        assert_eq!(limit.check(busy).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(limit.check(idle).is_ok());
    }
}
