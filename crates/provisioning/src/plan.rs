//! The steps in order. To add one: its file in `steps/`, and its line here.

use std::sync::Arc;

use saga::{Plan, PlanError, Stage};

use crate::{
    Parts,
    steps::{Activate, ApplyMigrations, CreateRole, CreateSchema, GrantAccess, IssueKey, Verify},
};

/// The default plan. The tenant lives in the control database, so everything is one stage: one
/// transaction, one commit, and no half-made tenant at any moment.
///
/// # Errors
/// Never, as long as the names below differ: a test builds the plan.
pub fn default_plan(parts: &Arc<Parts>) -> Result<Plan, PlanError> {
    Plan::new(vec![
        Stage::new("provision")
            .step(CreateRole::new(parts))
            .step(CreateSchema::new(parts))
            .step(ApplyMigrations::new(parts))
            .step(GrantAccess::new(parts))
            .step(Verify::new(parts))
            .step(IssueKey::new(parts))
            .step(Activate::new(parts)),
    ])
}
