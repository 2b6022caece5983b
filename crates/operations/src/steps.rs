//! The steps, one a file, and the plans that put them in order.
//!
//! To add a step: write its file in `steps/`, and name it here, in the list of modules and where
//! its turn comes.

mod activate;
mod apply_migrations;
mod create_role;
mod create_schema;
mod grant_access;
mod issue_key;
mod take_spare;
mod taken;
mod verify;

pub use activate::Activate;
pub use apply_migrations::ApplyMigrations;
pub use create_role::CreateRole;
pub use create_schema::CreateSchema;
pub use grant_access::GrantAccess;
pub use issue_key::IssueKey;
pub use take_spare::TakeSpare;
pub use verify::Verify;

use std::sync::Arc;

use domain::Mode;
use engine::{Finish, Plan, PlanError, Stage};

use crate::Parts;

/// Where a tenant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is built.
    Nothing,
    /// It was built in advance.
    Pool,
}

/// The plan for items of an operation in `mode`. The tenant lives in the control database, so each is
/// one stage: one transaction, one commit, and no half-made tenant at any moment.
///
/// # Errors
/// Never, as long as the steps' names differ: a test builds the plans.
pub fn plan(mode: Mode, source: Source, parts: &Arc<Parts>) -> Result<Plan, PlanError> {
    let build = match source {
        Source::Nothing => build,
        Source::Pool => take,
    };
    match mode {
        Mode::Independent => {
            let stage = build("provision", parts).step(Activate);
            Plan::new(vec![stage], Finish::Succeeded)
        }
        // Activated with the rest of the operation, in one transaction of its own.
        Mode::Atomic => Plan::new(vec![build("build", parts)], Finish::Built),
    }
}

/// Everything of a tenant but its visibility.
fn build(stage: &'static str, parts: &Arc<Parts>) -> Stage {
    Stage::new(stage)
        .step(CreateRole::new(parts))
        .step(CreateSchema::new(parts))
        .step(ApplyMigrations::new(parts))
        .step(GrantAccess::new(parts))
        .step(Verify::new(parts))
        .step(IssueKey::new(parts))
}

/// The same, where the first of it was done in advance.
fn take(stage: &'static str, parts: &Arc<Parts>) -> Stage {
    Stage::new(stage)
        .step(TakeSpare::new(parts))
        .step(Verify::adopted(parts))
        .step(IssueKey::new(parts))
}
