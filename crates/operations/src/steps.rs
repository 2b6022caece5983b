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
mod verify;
mod write_own_row;

pub use activate::Activate;
pub use apply_migrations::ApplyMigrations;
pub use create_role::CreateRole;
pub use create_schema::CreateSchema;
pub use grant_access::GrantAccess;
pub use issue_key::IssueKey;
pub use take_spare::TakeSpare;
pub(crate) use verify::Refuted;
pub use verify::Verify;
pub use write_own_row::WriteOwnRow;
pub(crate) use write_own_row::row_of;

use std::sync::Arc;

use domain::Mode;
use engine::{Finish, Plan, PlanError, Stage};

use crate::{Parts, segments};

/// Where a tenant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Nothing,
    /// It was built in advance.
    Pool,
}

/// The plan for items of an operation in `mode`. The tenant lives in the control database, so each is
/// one stage: one transaction, one commit, and no half-made tenant at any moment. Only a set of migrations
/// with boundaries needs stages of its own; the tenant is `pending` until the last one.
///
/// # Errors
/// Never, as long as the steps' names differ: a test builds the plans.
pub fn plan(mode: Mode, source: Source, parts: &Arc<Parts>) -> Result<Plan, PlanError> {
    let (name, finish) = match mode {
        Mode::Independent => ("provision", Finish::Succeeded),
        // Activated with the rest of the operation, in one transaction of its own.
        Mode::Atomic => ("build", Finish::Built),
    };
    let one = || Arc::clone(parts);
    let finish_off = |stage: Stage| {
        let verify = Verify { parts: one(), adopted: source == Source::Pool };
        stage.step(verify).step(IssueKey(one()))
    };
    let make = |stage: Stage| stage.step(CreateRole(one())).step(CreateSchema(one()));
    let mut stages = Vec::new();
    let last = Stage::new(name);
    let last = match source {
        Source::Pool => finish_off(last.step(TakeSpare(one())).step(WriteOwnRow(one()))),
        Source::Nothing => {
            let last = if parts.migrations.is_one_transaction() {
                make(last).step(ApplyMigrations(one()))
            } else {
                stages.push(make(Stage::new("make")));
                stages.extend(segments::stages(&parts.migrations, false));
                last
            };
            finish_off(last.step(GrantAccess(one())).step(WriteOwnRow(one())))
        }
    };
    stages.push(match mode {
        Mode::Independent => last.step(Activate),
        Mode::Atomic => last,
    });
    Plan::new(stages, finish)
}
