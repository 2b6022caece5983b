//! Items: one tenant's place in an operation, and the truth about the work on it.
//!
//! Every write of a worker names the attempt it claimed ([`Claim`]); zero rows means that
//! somebody else has claimed the item since, and the caller must stop.

mod attempts;
mod built;
mod cancel_waiting;
mod claim;
mod finish;
mod forgotten;
mod hold;
mod insert;
mod repair;
mod results;
mod retry;
mod retry_later;
mod stick;
mod story;
mod stranded;
mod unwind;
mod waiting;

pub use attempts::{Attempt, attempts, note_attempt};
pub use built::{activate_built, all_built, first_failed, turn_built_back};
pub use cancel_waiting::cancel_waiting;
pub use claim::{Claim, Claimant, ClaimedTenant, RecordedError, claim, is_held};
pub use finish::fail;
pub use forgotten::{Owned, give_back, owned_by};
pub use hold::hold;
pub use insert::{NewItemRow, insert};
pub use repair::{Resolved, resolve, undo};
pub use results::{ItemResult, ResultError, results};
pub use retry::{ReleasedTenant, Requeued, Retryable, refuse, requeue, retryable};
pub use retry_later::retry_later;
pub use stick::{go_on, stick};
pub use story::{Holder, Story, story};
pub use stranded::{hold_waiting, waiting_since};
pub use unwind::begin_unwind;
pub use waiting::{
    Waiters, count_waiting, due, next_for, of_other_sets, operations_of_set, waiting,
};
