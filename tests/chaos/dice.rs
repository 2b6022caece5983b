//! Every choice of a round comes from one seed.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// The choices of one round.
#[derive(Debug)]
pub(crate) struct Dice(StdRng);

impl Dice {
    /// The choices that `seed` stands for.
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    /// As [`Dice::between`], for counts.
    pub(crate) fn count(&mut self, least: usize, most: usize) -> usize {
        self.0.random_range(least..=most)
    }

    /// A time from `least` to `most` milliseconds.
    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// True in so many of 100 cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// Puts `all` into another order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.count(0, last));
        }
    }

    /// Lets a time from `least` to `most` milliseconds pass: when the next fault comes is part of
    /// the fault.
    pub(crate) async fn pause(&mut self, least: u64, most: u64) {
        tokio::time::sleep(self.millis(least, most)).await;
    }
}

/// The seed of the `n`-th round of a run: the run's own for the first, so that any round can be
/// run again alone.
pub(crate) fn seed_of_round(seed: u64, n: u64) -> u64 {
    if n == 0 {
        return seed;
    }
    // SplitMix64: neighbours become strangers.
    let mut mixed = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn the_same_seed_makes_the_same_choices_and_another_makes_others() {
    let choices = |seed| {
        let mut dice = Dice::new(seed);
        (0..50).map(|_| dice.between(0, 1_000_000)).collect::<Vec<_>>()
    };

    assert_eq!(choices(7), choices(7));
    assert_ne!(choices(7), choices(8));
    assert_eq!(seed_of_round(7, 0), 7);
    assert_ne!(seed_of_round(7, 1), seed_of_round(8, 1));
}
