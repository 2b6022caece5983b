//! The plans that a worker follows.

use std::sync::Arc;

use domain::Mode;
use engine::{Plan, PlanError};

use crate::{Parts, steps, steps::Source};

/// The plan for each mode of an operation, and for each source of a tenant.
#[derive(Debug)]
pub struct Plans {
    independent: Plan,
    atomic: Plan,
    independent_of_pool: Plan,
    atomic_of_pool: Plan,
}

impl Plans {
    /// The plans made of `parts`.
    ///
    /// # Errors
    /// Never, as long as the steps' names differ: a test builds the plans.
    pub fn new(parts: &Arc<Parts>) -> Result<Self, PlanError> {
        let plan = |mode, source| steps::plan(mode, source, parts);
        Ok(Self {
            independent: plan(Mode::Independent, Source::Nothing)?,
            atomic: plan(Mode::Atomic, Source::Nothing)?,
            independent_of_pool: plan(Mode::Independent, Source::Pool)?,
            atomic_of_pool: plan(Mode::Atomic, Source::Pool)?,
        })
    }

    /// The plan by which a tenant is built, and by which any tenant is undone.
    pub(crate) fn of(&self, mode: Mode) -> &Plan {
        match mode {
            Mode::Independent => &self.independent,
            Mode::Atomic => &self.atomic,
        }
    }

    /// The plan by which a tenant is taken from the pool.
    pub(crate) fn of_pool(&self, mode: Mode) -> &Plan {
        match mode {
            Mode::Independent => &self.independent_of_pool,
            Mode::Atomic => &self.atomic_of_pool,
        }
    }
}
