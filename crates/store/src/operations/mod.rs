//! Operations: what was asked of tenants.

mod admit;
mod end;
mod read;
mod run;

pub use admit::{Asked, NewOperationRow, Selected, admit, end_refused, insert};
pub use end::{
    Atomic, Cancelled, begin_rollback, cancel, cancel_overdue, lock_atomic, overdue, settle,
    unsettled,
};
pub use read::{
    Counts, Culprit, Line, Operation, ahead, count, ended_among, find, is_finished, kind, list,
};
pub use run::{due, lock, pause, release_due, reopen, resume, retry};
