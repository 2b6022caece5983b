//! Says in the log that connections are turned away: now and then, not once for each.

use std::time::{Duration, Instant};

use tracing::warn;

/// Between two such lines.
const EVERY: Duration = Duration::from_secs(10);

/// Counts connections that were one too many.
#[derive(Debug, Default)]
pub(super) struct Shedding {
    untold: u64,
    told: Option<Instant>,
}

impl Shedding {
    /// One more.
    pub(super) fn note(&mut self) {
        self.untold += 1;
        if self.told.is_none_or(|told| told.elapsed() >= EVERY) {
            let connections = self.untold;
            warn!(
                connections,
                "api.max_connections is reached; {connections} more were told to come back"
            );
            self.told = Some(Instant::now());
            self.untold = 0;
        }
    }
}
