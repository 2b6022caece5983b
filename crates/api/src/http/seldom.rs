//! Tells of what happens often now and then, with a count: a line for each could fill the disk.

use std::time::{Duration, Instant};

/// Between two lines about the same.
const EVERY: Duration = Duration::from_secs(10);

/// Counts what is yet to be told.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    untold: u64,
    told: Option<Instant>,
}

impl Seldom {
    /// Nothing was counted yet.
    pub(crate) const fn new() -> Self {
        Self { untold: 0, told: None }
    }

    /// Counts one more; the count, if it is to be told now.
    pub(crate) fn count(&mut self) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.untold))
    }
}
