//! Operations: what was asked of tenants.

mod admit;
mod ahead;
mod atomic;
mod cancel;
mod count;
mod due;
mod end_refused;
mod ended;
mod find;
mod insert;
mod list;
mod lock;
mod pause;
mod retry;
mod settle;
mod unsettled;

pub use admit::{Admission, Selected, admit, select};
pub use ahead::ahead;
pub use atomic::{Atomic, begin_rollback, lock_atomic};
pub use cancel::{Cancelled, cancel, cancel_overdue, overdue};
pub use count::{Counts, count};
pub use due::{due, release_due};
pub use end_refused::end_refused;
pub use ended::{ended_among, is_finished};
pub use find::{Culprit, Operation, find, kind};
pub use insert::{NewOperationRow, insert};
pub use list::{BatchLine, list};
pub use lock::lock;
pub use pause::{pause, resume};
pub use retry::{reopen, retry};
pub use settle::settle;
pub use unsettled::unsettled;
