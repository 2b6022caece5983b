//! Says in the log that connections are turned away: now and then, not once for each.

use std::time::{Duration, Instant};

use tracing::warn;

/// Between two such lines.
const EVERY: Duration = Duration::from_secs(10);

/// Counts connections that were one too many.
#[derive(Debug)]
pub(super) struct Shedding {
    /// The setting that is reached.
    setting: &'static str,
    untold: u64,
    told: Option<Instant>,
}

impl Shedding {
    /// Nothing was counted yet against `setting`.
    pub(super) fn at(setting: &'static str) -> Self {
        Self { setting, untold: 0, told: None }
    }

    pub(super) fn note(&mut self) {
        self.untold += 1;
        if self.told.is_none_or(|told| told.elapsed() >= EVERY) {
            let (connections, setting) = (self.untold, self.setting);
            warn!(
                connections,
                "{setting} is reached; {connections} more connections were told to come back"
            );
            self.told = Some(Instant::now());
            self.untold = 0;
        }
    }
}
