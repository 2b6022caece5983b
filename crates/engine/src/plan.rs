//! Plans: which stages, in which order.

use std::{borrow::Cow, collections::HashSet, time::Duration};

use domain::ItemState;
use store::StageLimits;

use crate::{AnyStep, Step, StepName};

/// Where a stage takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In one transaction on the control database.
    Control,
    /// In one transaction on the tenant's database; that may be the control database.
    Tenant,
    /// In no transaction, within the time given: on a connection to the tenant's database, or outside of
    /// any. A worker that died may have done it, so the steps look at what is there first.
    Outside(Duration),
}

/// Consecutive steps that take effect in one transaction.
#[derive(Debug)]
pub struct Stage {
    name: Cow<'static, str>,
    steps: Vec<Box<dyn AnyStep>>,
    pub(crate) place: Place,
    is_pivot: bool,
    pub(crate) limits: Option<StageLimits>,
    pub(crate) limits_together: Option<StageLimits>,
    pub(crate) locks_tenant: bool,
}

impl Stage {
    /// An empty stage on the tenant's database; `name` is durable, it stands in the checkpoints.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            steps: Vec::new(),
            place: Place::Tenant,
            is_pivot: false,
            limits: None,
            limits_together: None,
            locks_tenant: true,
        }
    }

    /// The stage, taking effect elsewhere.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// The stage as the one after which there is no way back.
    #[must_use]
    pub fn pivot(self) -> Self {
        Self { is_pivot: true, ..self }
    }

    /// The stage with limits of its own in place of the runner's.
    #[must_use]
    pub fn within(self, limits: StageLimits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// The stage with tighter limits for several items in one transaction, where each holds up the users of
    /// the others' tenants. Beyond them, each item is taken by itself.
    #[must_use]
    pub fn together_within(self, limits: StageLimits) -> Self {
        Self { limits_together: Some(limits), ..self }
    }

    /// The stage as one that takes effect whatever else is at work on the tenant: without its lock. The steps
    /// see to it themselves that they meet nobody.
    #[must_use]
    pub fn without_lock(self) -> Self {
        Self { locks_tenant: false, ..self }
    }

    /// The stage with `step` as its last.
    #[must_use]
    pub fn step<S: Step>(mut self, step: S) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// The stage's durable name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
    DuplicateStage(String),
    /// Two steps of a stage could not be told apart in the results.
    #[error("two steps are called `{0}`")]
    DuplicateStep(&'static str),
    /// Nothing to do.
    #[error("stage `{0}` has no step")]
    EmptyStage(String),
    /// Nothing to do at all.
    #[error("the plan has no stage")]
    Empty,
}

/// What the transaction of a plan's last stage records of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The tenant is active: the item has succeeded.
    Succeeded,
    /// The tenant is complete; it is activated together with the others of its operation.
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

/// What follows when a stage fails for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The committed stages are undone, newest first: nothing is left.
    Unwind,
    /// What is committed stays, and a retry goes on from there.
    Stay,
}

/// Stages in the order they are run. The last one finishes the item.
#[derive(Debug)]
pub struct Plan {
    stages: Vec<Stage>,
    finish: Finish,
    on_failure: OnFailure,
    sharing: Sharing,
}

/// How many items may take a stage together, in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each by itself.
    No,
    /// As many as hold up the users of each other's tenants for a moment only.
    WhileQuick,
    /// So many: their tenants have no users.
    UpTo(usize),
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
        let mut stage_names: HashSet<&str> = HashSet::new();
        for stage in &stages {
            if !stage_names.insert(stage.name()) {
                return Err(PlanError::DuplicateStage(stage.name().to_owned()));
            }
            if stage.steps.is_empty() {
                return Err(PlanError::EmptyStage(stage.name().to_owned()));
            }
            let mut step_names = HashSet::new();
            for step in &stage.steps {
                if !step_names.insert(step.name()) {
                    return Err(PlanError::DuplicateStep(step.name().as_str()));
                }
            }
        }
        let sharing = if stages.len() == 1 { Sharing::WhileQuick } else { Sharing::No };
        Ok(Self { stages, finish, on_failure: OnFailure::Unwind, sharing })
    }

    /// The plan, with what follows when a stage fails for good; else that is [`OnFailure::Unwind`].
    #[must_use]
    pub fn on_failure(self, on_failure: OnFailure) -> Self {
        Self { on_failure, ..self }
    }

    /// The plan, with how many items take its stages together; else those of a plan with one stage do so
    /// while they are quick.
    #[must_use]
    pub fn sharing(self, sharing: Sharing) -> Self {
        Self { sharing, ..self }
    }

    /// How many items may take its stages together.
    #[must_use]
    pub fn shares(&self) -> Sharing {
        self.sharing
    }

    /// Whether the plan stays where it failed.
    #[must_use]
    pub fn stays(&self) -> bool {
        self.on_failure == OnFailure::Stay
    }

    /// Whether all stages are among the committed ones.
    #[must_use]
    pub fn is_done(&self, checkpoints: &[String]) -> bool {
        self.stages.iter().all(|stage| checkpoints.iter().any(|c| c == stage.name()))
    }

    /// Whether a stage without a way back is among the committed ones.
    #[must_use]
    pub fn is_past_pivot(&self, checkpoints: &[String]) -> bool {
        self.stages
            .iter()
            .any(|stage| stage.is_pivot && checkpoints.iter().any(|c| c == stage.name()))
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
        let one = || Stage::new("a").step(Nothing);
        let plan = |stages| Plan::new(stages, Finish::Succeeded).unwrap_err();

        let same_stage = plan(vec![one(), one()]);
        let same_step = plan(vec![one().step(Nothing)]);

        assert_eq!(same_stage, PlanError::DuplicateStage("a".to_owned()));
        assert_eq!(same_step, PlanError::DuplicateStep("nothing"));
    }

    #[test]
    fn refuses_to_do_nothing() {
        let plan = |stages| Plan::new(stages, Finish::Succeeded).unwrap_err();

        assert_eq!(plan(vec![]), PlanError::Empty);
        assert_eq!(plan(vec![Stage::new("a")]), PlanError::EmptyStage("a".to_owned()));
    }
}
