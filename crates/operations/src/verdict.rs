//! What came of working on an item.

use std::time::Duration;

use domain::{ItemError, ItemState};
use engine::{Finish, StageReport};
use store::items::Claim;

/// What the worker has to do next about an item.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing: another worker has it by now; what we did last was rolled back.
    Fenced,
    /// The item is as its plan finishes it: the tenant is active, or built and waits for the
    /// rest of its operation.
    Finished(Finish, Vec<StageReport>),
    /// The item has ended without a tenant, and nothing of one is left.
    Ended(ItemState),
    /// An undo failed for good; an operator has to look.
    UndoFailed(ItemError),
    /// Try again after the delay.
    Retry {
        /// Under which claim.
        claim: Box<Claim>,
        /// Why this try failed.
        reason: Reason,
        /// How long to wait.
        delay: Duration,
    },
}

/// Why a try failed: what the caller is told, and the whole chain for the log.
#[derive(Debug)]
pub struct Reason {
    /// As it stands in the item's row.
    pub error: ItemError,
    /// The chain of causes. For operators only: it may name hosts and hold SQL.
    pub chain: String,
    /// Whether the try counts: not when the database refused Tenantry a right.
    pub spent: bool,
}
