//! Batches: tenants submitted together.

mod cancel;
mod cancel_overdue;
mod find;
mod insert;
mod is_finished;
mod list;
mod lock;
mod retry;
mod settle;
mod unsettled;

pub use cancel::cancel;
pub use cancel_overdue::cancel_overdue;
pub use find::{Batch, find};
pub use insert::{NewBatchRow, insert};
pub use is_finished::is_finished;
pub use list::{BatchLine, list};
pub use lock::lock;
pub use retry::retry;
pub use settle::{FINISHED_CHANNEL, settle};
pub use unsettled::{overdue, unsettled};
