//! Migrations of a tenant's schema: read from a folder, checked, applied in one message.
//!
//! All that is pending is sent as one message, in the caller's transaction, and in a block in
//! which the server refuses COMMIT, whatever a file holds.

mod apply;
mod blame;
mod compare;
mod error;
mod folder;
mod format;
mod load;
mod load_error;
mod names;
mod record;
mod revert;
mod script;
mod sections;
mod set;
mod state;

pub use apply::{Applied, apply};
pub(crate) use apply::{apply_to_empty, build};
pub use compare::Standing;
pub use error::MigrateError;
pub use format::{Format, UnknownFormat};
pub use load::Reading;
pub use load_error::LoadError;
pub use record::record;
pub use revert::{Reverted, Target, revert};
pub use set::{Migration, MigrationSet};
