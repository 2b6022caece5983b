//! What operators and workers do to operations as a whole: pause, resume, cancel, retry, repair,
//! promote, wake, roll back, start, settle, recover.
//!
//! The API and the workers both call it. It changes rows and wakes workers; no step runs here.
//! Each act is a transaction, with its audit row in it, and is tried again when it meets a
//! worker's over the same rows.

mod admit;
mod births;
mod error;
mod names;
mod promote;
mod recover;
mod repair;
mod retry;
mod rollout;
mod settle;
mod steer;
mod wake;

pub use admit::{DUE_AT_ONCE, admit, admit_due, look, resume_due};
pub use births::{catch_up, nothing_to_migrate};
pub use error::ControlError;
pub use names::{reservation, reserve_all};
pub use promote::{promote, skip};
pub use recover::{free_the_dead, give_back_forgotten, put_back, revive_stranded};
pub use repair::{Again, again, item, resolve};
pub use retry::{Group, Retry, retry};
pub use rollout::{count_failure, roll_on};
pub use settle::{advance, settle};
pub use steer::{cancel, pause, pause_queue, resume, resume_queue};
pub use store::operations::Asked;
pub use wake::{pass_on, release, start_due, wake_set};
