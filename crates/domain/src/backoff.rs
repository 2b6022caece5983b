//! How long to wait before another try.

use std::time::Duration;

/// Exponential back-off with full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>): many items that
/// failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first try, in milliseconds.
    pub base_ms: u64,
    /// Longest wait after any try, in milliseconds.
    pub cap_ms: u64,
}

impl Backoff {
    /// The wait after `tries` tries: `unit` (0 to 1, drawn evenly at random by the caller) of the
    /// longest one, which doubles with every try up to the cap.
    #[must_use]
    pub fn delay(&self, tries: u32, unit: f64) -> Duration {
        let doublings = tries.saturating_sub(1);
        let longest = 1u64
            .checked_shl(doublings)
            .map_or(self.cap_ms, |factor| self.base_ms.saturating_mul(factor).min(self.cap_ms));
        let unit = if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) };
        Duration::from_millis(longest).mul_f64(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { base_ms: 500, cap_ms: 30_000 };

    #[test]
    fn doubles_up_to_the_cap() {
        let longest: Vec<_> = (0..9).map(|t| BACKOFF.delay(t, 1.0).as_millis()).collect();

        assert_eq!(longest, [500, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn spreads_over_the_whole_interval() {
        assert_eq!(BACKOFF.delay(3, 0.0), Duration::ZERO);
        assert_eq!(BACKOFF.delay(3, 0.5), Duration::from_millis(1_000));
        assert_eq!(BACKOFF.delay(3, f64::NAN), Duration::ZERO);
        assert_eq!(BACKOFF.delay(3, 7.0), Duration::from_millis(2_000));
    }

    proptest! {
        #[test]
        fn never_waits_longer_than_the_cap(
            base_ms in 0..=u64::from(u32::MAX),
            cap_ms in 0..=u64::from(u32::MAX),
            tries in any::<u32>(),
            unit in any::<f64>(),
        ) {
            let delay = Backoff { base_ms, cap_ms }.delay(tries, unit);
            prop_assert!(delay <= Duration::from_millis(cap_ms));
        }
    }
}
