//! Migrations of a tenant's schema: read from a folder, checked, applied in one message.
//!
//! All of a set is sent as one block that the server runs inside the caller's transaction. It
//! finds out itself what is pending, so a new schema, an old one and one that is up to date all
//! cost one round trip; and inside a block the server refuses COMMIT, whatever a file holds.

mod applied;
mod apply;
mod blame;
mod error;
mod load;
mod revert;
mod script;
mod set;

pub(crate) use applied::read;
pub use applied::{AppliedMigration, applied};
pub use apply::{Applied, apply};
pub use error::MigrateError;
pub use load::LoadError;
pub use revert::{Reverted, revert};
pub use set::{Migration, MigrationSet};

/// The table in each tenant's schema that holds what was applied there.
pub const VERSION_TABLE: &str = "tenantry_migrations";
