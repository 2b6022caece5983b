//! The engine of operations: idempotent steps, grouped into stages that commit as one.
//!
//! A [`Step`] is one act with its `undo` beside it. A [`Stage`] is a run of steps that take
//! effect in one transaction, together with the stage's checkpoint; a committed stage is never
//! run again. The [`Runner`] takes a claimed item through the stages of a [`Plan`]; when one of
//! them fails for good, [`Runner::unwind`] undoes the committed ones, newest first, or lets them
//! stay: the plan says which. Behind its **pivot** a plan only goes forward.
//!
//! [`control`] is what is done to items and operations without a step: the API may call it too.
//!
//! Two rules hold everything together. The last statement of every transaction re-checks the
//! claim token, so a worker that lost its item changes nothing. And a connection lost at COMMIT
//! is an unknown, not a failure: it is reported as transient, and the next try looks first.

#![warn(missing_docs)]

mod contract;
pub mod control;
mod crash;
mod elsewhere;
mod error;
mod failure;
pub mod fence;
mod here;
mod plan;
mod runner;
mod step;
mod unwinder;

pub use contract::{Bench, assert_contract};
pub use crash::crash_point;
pub use error::{Classify, During, StepError};
pub use failure::{Failure, Progress, StageReport, StepReport};
pub use plan::{Finish, OnFailure, Place, Plan, PlanError, Sharing, Stage};
pub use runner::{Runner, TenantDatabases};
pub use step::{AnyStep, GroupCx, Step, StepCx, StepName};
