//! How long the stages of several kinds may wait and run.

use std::time::Duration;

use store::StageLimits;

/// For rows of the registry and the catalogue, which others hold for milliseconds, and for a tenant's own row.
pub(crate) const QUICK: StageLimits = StageLimits {
    statement: Duration::from_secs(5),
    lock: Duration::from_secs(2),
    silence: Duration::from_secs(1),
};

/// For dropping a schema, which waits for sessions that read its tables; and for giving a schema back, which takes
/// one statement for each object.
pub(crate) const DROPPING: StageLimits = StageLimits {
    statement: Duration::from_secs(60),
    lock: Duration::from_secs(5),
    silence: Duration::from_secs(3),
};
