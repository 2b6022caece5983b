//! Items: one tenant's place in an operation, and the truth about the work on it.
//!
//! Every write of a worker names the attempt it claimed ([`Claim`]); zero rows means that
//! somebody else has claimed the item since, and the caller must stop.

mod attempts;
mod built;
mod cancel_waiting;
mod claim;
mod count_waiting;
mod finish;
mod forgotten;
mod hold;
mod insert;
mod refuse;
mod requeue;
mod resolve;
mod result;
mod results;
mod retry_later;
mod retryable;
mod stick;
mod stranded;
mod undo;
mod unwind;
mod waiting;

pub use attempts::{Attempt, attempts, note_attempt};
pub use built::{activate_built, all_built, first_failed, turn_built_back};
pub use cancel_waiting::cancel_waiting;
pub use claim::{Claim, Claimant, ClaimedTenant, RecordedError, claim, is_held};
pub use count_waiting::count_waiting;
pub use finish::fail;
pub use forgotten::{Owned, give_back, owned_by};
pub use hold::hold;
pub use insert::{NewItemRow, insert};
pub use refuse::refuse;
pub use requeue::{Requeued, requeue};
pub use resolve::{Resolved, resolve};
pub use result::set_result;
pub use results::{ItemResult, ResultError, results};
pub use retry_later::retry_later;
pub use retryable::{ReleasedTenant, Retryable, retryable};
pub use stick::{go_on, stick};
pub use stranded::{hold_waiting, waiting_since};
pub use undo::undo;
pub use unwind::begin_unwind;
pub use waiting::{Waiters, due, next_for, waiting};
