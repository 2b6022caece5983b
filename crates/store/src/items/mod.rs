//! Items: one tenant's place in an operation, and the truth about the work on it.
//!
//! Every write of a worker names the attempt it claimed ([`Claim`]); zero rows means that
//! somebody else has claimed the item since, and the caller must stop.

mod claim;
mod insert;
mod lost;
mod outcome;
mod read;
mod repair;
mod together;
mod waiting;

pub use claim::{Claim, Claimant, ClaimedTenant, RecordedError, claim, is_held};
pub use insert::{NewItemRow, insert};
pub use lost::{Owned, give_back, hold_waiting, owned_by, waiting_since};
pub use outcome::{Attempt, attempts, begin_unwind, fail, hold, note_attempt, retry_later, stick};
pub use read::{Holder, ItemResult, Story, results, story};
pub use repair::{
    ReleasedTenant, Requeued, Resolved, Retryable, go_on, refuse, requeue, resolve, retryable, undo,
};
pub use together::{activate_built, all_built, cancel_waiting, first_failed, turn_built_back};
pub use waiting::{
    Waiters, count_waiting, due, first_waiting, free_by_now, next_behind, next_for, of_other_sets,
    operations_of_set, put_off, waiting,
};
