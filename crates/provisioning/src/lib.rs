//! The story of one tenant.
//!
//! [`Provisioner::provision`] takes a claimed item through the [`plan`](mod@plan): role, schema,
//! migrations, grants, verification, API key, activation. What comes of it is a [`Verdict`]; the
//! worker acts on it. The steps are in [`steps`], one a file, in the order of their lines in
//! `plan.rs`.

mod fleet;
mod parts;
pub mod plan;
mod provision;
pub mod steps;
mod verdict;

pub use fleet::{Direction, FleetError, FleetOutcome, FleetRun, Moved, migrate_fleet, migrate_one};
pub use parts::{KeyRules, Parts};
pub use provision::{Provisioner, RetryRules};
pub use verdict::{Reason, Verdict};
