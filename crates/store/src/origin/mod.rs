//! The database that the installation lives in, and what happens in a copy of it.
//!
//! Roles belong to a whole server, so two databases that are one installation would share the roles
//! of their tenants. The installation's row remembers its database; [`check`] compares.

mod adopt;
mod check;
mod database;

pub use adopt::{begin_copy, end_copy, give_role, move_here};
pub use check::{OriginError, check};
pub use database::Database;
