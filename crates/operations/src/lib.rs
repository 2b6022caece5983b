//! The kinds of operations: what each does to its tenants, in stages of steps.
//!
//! [`Executor::work`] takes a claimed item through the plan of its operation's kind. What comes of it is in
//! the item's row; [`Ended`] tells the worker. [`Plans`] is the list of all kinds. Kind `provision` has its
//! steps in [`steps`], one a file, and so are the plans that put them in order; kind `migrate` is in
//! [`migrate`].

mod application;
pub mod births;
mod carry_over;
mod direct;
mod executor;
mod give_way;
pub mod import;
mod keys;
pub mod learning;
mod limits;
pub mod migrate;
mod migration_error;
mod needs_shared;
mod parts;
mod plans;
mod pool;
mod purge;
mod refusal;
mod release;
mod segments;
mod shared_migrations;
mod spares;
pub mod steps;
mod suspend;
mod together;
mod update;

pub use application::Application;
pub use carry_over::{CarriedOver, Left, carry_over};
pub use direct::carry_out;
pub use executor::{Ended, Executor, RetryRules};
pub use give_way::{Making, OneMore};
pub use parts::Parts;
pub use plans::Plans;
pub use pool::PoolView;
pub use shared_migrations::{SharedError, SharedMigrations};
pub use spares::{SpareBuilder, SpareError};
pub use together::Sorted;
