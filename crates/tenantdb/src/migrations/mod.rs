//! Migrations of a tenant's schema: read from a folder, checked, applied.
//!
//! The pending files of a segment are sent as one message, in the caller's transaction, and in a block in
//! which the server refuses COMMIT, whatever a file holds. Most sets are one segment.

mod apply;
mod boundaries;
mod compare;
mod error;
mod folder;
mod format;
mod load;
mod marks;
mod names;
mod no_transaction;
mod revert;
mod run;
mod script;
mod sections;
mod segments;
mod set;
mod state;

pub use apply::{Moved, apply, apply_together};
pub(crate) use apply::{apply_to_empty, build};
pub use boundaries::boundaries;
pub(crate) use boundaries::{build_segments, cut};
pub use compare::Standing;
pub use error::MigrateError;
pub use format::{Format, UnknownFormat};
pub use load::{LoadError, Reading};
pub(crate) use no_transaction::rehearse;
pub use no_transaction::{StatementLimits, run_no_transaction};
pub use revert::{Target, revert};
pub use run::{outstanding, record, record_segment, run_segment};
pub use segments::Segment;
pub use set::{Migration, MigrationSet};
