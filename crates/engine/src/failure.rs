//! How a run ended.

use std::time::Duration;

use domain::ItemError;

use crate::{StepError, StepName};

/// How taking an item through its plan ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every stage is committed and the item is recorded as the plan finishes it.
    Finished(Vec<StageReport>),
    /// The item is no longer ours; nothing of the last stage was kept.
    Fenced,
    /// A stage failed and was rolled back; earlier ones stay committed.
    Failed(Failure),
}

/// How taking several items through their plan together ended.
#[derive(Debug)]
pub enum Together {
    /// Every stage is committed and the items are recorded as the plan finishes them.
    Finished(Vec<StageReport>),
    /// A stage failed and was rolled back, for whichever item's sake, or an item is no longer ours
    /// (`None`). Taken by itself, each item gets a result of its own.
    Apart(Option<Failure>),
    /// The database is away: no item could do better by itself.
    Failed(Failure),
}

/// How undoing an item ended.
#[derive(Debug)]
pub enum Unwound {
    /// Nothing of the tenant is left and the item is recorded as ended.
    Clean,
    /// The item is no longer ours.
    Fenced,
    /// An undo failed; what was undone before it stays undone.
    Failed(Failure),
}

/// A stage that was committed by this run.
#[derive(Debug, Clone)]
pub struct StageReport {
    /// The stage.
    pub stage: &'static str,
    /// From the start of its transaction to the answer to its COMMIT.
    pub took: Duration,
    /// Its steps, in order.
    pub steps: Vec<StepReport>,
}

/// A step that took effect.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The step.
    pub step: StepName,
    /// How long it took; an equal share of that, if several items were taken together.
    pub took: Duration,
}

/// The error that ended a run, and where it was met.
#[derive(Debug)]
pub struct Failure {
    /// The stage that failed.
    pub stage: &'static str,
    /// The step that failed; `None` when the stage's own statements did.
    pub step: Option<StepName>,
    /// What went wrong.
    pub error: StepError,
}

impl Failure {
    /// The error as the item's row and the caller see it.
    #[must_use]
    pub fn to_item_error(&self) -> ItemError {
        ItemError {
            code: self.error.code().clone(),
            message: self.error.public_message(),
            step: self.step.map(|step| step.as_str().to_owned()),
            retryable: self.error.is_transient() || self.error.is_refused(),
        }
    }
}
