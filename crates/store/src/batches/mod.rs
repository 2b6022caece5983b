//! Batches: tenants submitted together.

mod atomic;
mod cancel;
mod cancel_overdue;
mod count;
mod due;
mod end_refused;
mod ended_among;
mod find;
mod insert;
mod is_finished;
mod list;
mod lock;
mod pause;
mod reopen;
mod resume;
mod retry;
mod settle;
mod unsettled;

pub use atomic::{Atomic, begin_rollback, lock_atomic};
pub use cancel::{Cancelled, cancel};
pub use cancel_overdue::cancel_overdue;
pub use count::{Counts, count};
pub use due::{due, release_due};
pub use end_refused::end_refused;
pub use ended_among::ended_among;
pub use find::{Batch, Culprit, find};
pub use insert::{NewBatchRow, insert};
pub use is_finished::is_finished;
pub use list::{BatchLine, list};
pub use lock::lock;
pub use pause::pause;
pub use reopen::reopen;
pub use resume::resume;
pub use retry::retry;
pub use settle::settle;
pub use unsettled::{overdue, unsettled};
