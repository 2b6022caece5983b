//! How a run or an unwinding ended.

use std::time::Duration;

use domain::ItemError;

use crate::{Stage, StepError, StepName};

/// How far a run or an unwinding came that met no error.
#[derive(Debug)]
pub enum Progress {
    /// To its end: the item is recorded as finished or ended. With the stages that were committed.
    Done(Vec<StageReport>),
    /// An item is no longer ours; nothing of the last stage was kept.
    Fenced,
}

/// A stage that was committed by this run.
#[derive(Debug, Clone)]
pub struct StageReport {
    /// The stage.
    pub stage: String,
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

/// The error that ended a run or an unwinding, and where it was met. The stage was rolled back; those
/// before it stay committed, or undone.
#[derive(Debug)]
pub struct Failure {
    /// The stage that failed.
    pub stage: String,
    /// The step that failed; `None` when the stage's own statements did.
    pub step: Option<StepName>,
    /// What went wrong.
    pub error: StepError,
}

impl Failure {
    /// An error of the stage's own statements.
    pub(crate) fn of(stage: &Stage, error: StepError) -> Self {
        Self { stage: stage.name().to_owned(), step: None, error }
    }

    /// An error of a step.
    pub(crate) fn of_step(stage: &Stage, step: StepName, error: StepError) -> Self {
        Self { stage: stage.name().to_owned(), step: Some(step), error }
    }

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
