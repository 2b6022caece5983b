//! Plans: which stages, in which order.

use std::collections::HashSet;

use domain::ItemState;

use crate::{AnyStep, Step, StepName};

/// Consecutive steps that take effect in one transaction.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    steps: Vec<Box<dyn AnyStep>>,
}

impl Stage {
    /// An empty stage; `name` is durable, it stands in the checkpoints.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, steps: Vec::new() }
    }

    /// The stage with `step` as its last.
    #[must_use]
    pub fn step<S: Step>(mut self, step: S) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// The stage's durable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its steps, in the order they are applied.
    #[must_use]
    pub fn steps(&self) -> &[Box<dyn AnyStep>] {
        &self.steps
    }
}

/// A plan that could not be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Checkpoints of two stages could not be told apart.
    #[error("two stages are called `{0}`")]
    DuplicateStage(&'static str),
    /// Two steps could not be told apart in the results.
    #[error("two steps are called `{0}`")]
    DuplicateStep(&'static str),
    /// Nothing to do.
    #[error("stage `{0}` has no step")]
    EmptyStage(&'static str),
    /// Nothing to do at all.
    #[error("the plan has no stage")]
    Empty,
}

/// What the transaction of a plan's last stage records of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The tenant is active: the item has succeeded.
    Succeeded,
    /// All of the tenant is there; it is activated with the rest of its operation.
    Built,
}

impl From<Finish> for ItemState {
    fn from(finish: Finish) -> Self {
        match finish {
            Finish::Succeeded => Self::Succeeded,
            Finish::Built => Self::Built,
        }
    }
}

/// Stages in the order they are run. The last one finishes the item.
#[derive(Debug)]
pub struct Plan {
    stages: Vec<Stage>,
    finish: Finish,
}

impl Plan {
    /// A plan of `stages` whose last one finishes the item as `finish`.
    ///
    /// # Errors
    /// When a name stands twice, or something is empty.
    pub fn new(stages: Vec<Stage>, finish: Finish) -> Result<Self, PlanError> {
        if stages.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut stage_names = HashSet::new();
        let mut step_names = HashSet::new();
        for stage in &stages {
            if !stage_names.insert(stage.name) {
                return Err(PlanError::DuplicateStage(stage.name));
            }
            if stage.steps.is_empty() {
                return Err(PlanError::EmptyStage(stage.name));
            }
            for step in &stage.steps {
                if !step_names.insert(step.name()) {
                    return Err(PlanError::DuplicateStep(step.name().as_str()));
                }
            }
        }
        Ok(Self { stages, finish })
    }

    /// The stages, in order.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// How the last stage finishes the item.
    #[must_use]
    pub fn finish(&self) -> Finish {
        self.finish
    }

    /// The names of all steps, in order.
    pub fn step_names(&self) -> impl Iterator<Item = StepName> + '_ {
        self.stages.iter().flat_map(|stage| stage.steps.iter().map(|step| step.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StepCx, StepError};

    #[derive(Debug)]
    struct Nothing;

    impl Step for Nothing {
        const NAME: StepName = StepName::new("nothing");

        async fn apply(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
            Ok(())
        }

        async fn undo(&self, _: &mut StepCx<'_>) -> Result<(), StepError> {
            Ok(())
        }
    }

    #[test]
    fn refuses_names_that_stand_twice() {
        let stages = |second| vec![Stage::new("a").step(Nothing), second];
        let plan = |stages| Plan::new(stages, Finish::Succeeded).unwrap_err();

        let same_stage = plan(stages(Stage::new("a").step(Nothing)));
        let same_step = plan(stages(Stage::new("b").step(Nothing)));

        assert_eq!(same_stage, PlanError::DuplicateStage("a"));
        assert_eq!(same_step, PlanError::DuplicateStep("nothing"));
    }

    #[test]
    fn refuses_to_do_nothing() {
        let plan = |stages| Plan::new(stages, Finish::Succeeded).unwrap_err();

        assert_eq!(plan(vec![]), PlanError::Empty);
        assert_eq!(plan(vec![Stage::new("a")]), PlanError::EmptyStage("a"));
    }
}
