//! The story of one tenant.
//!
//! [`Provisioner::provision`] takes a claimed item through the plan of its operation's mode: role,
//! schema, migrations, grants, verification, API key, activation. What comes of it is in the item's
//! row; [`Ended`] tells the worker. The steps are in [`steps`], one a file, and so are the
//! plans that put them in order.

mod application;
mod carry_over;
mod fleet;
pub mod learning;
mod parts;
mod plans;
mod pool;
mod provision;
mod spares;
pub mod steps;
mod together;

pub use application::Application;
pub use carry_over::{CarriedOver, Left, carry_over};
pub use fleet::{
    Direction, FleetError, FleetOutcome, FleetRun, Moved, Recorded, migrate_fleet, migrate_one,
};
pub use parts::{KeyRules, Parts};
pub use plans::Plans;
pub use pool::PoolView;
pub use provision::{Ended, Provisioner, RetryRules};
pub use spares::{SpareBuilder, SpareError};
pub use together::Sorted;
