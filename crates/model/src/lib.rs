//! The protocol of items, claims, stages and settling as a small model, and what must hold in
//! every state it can reach, whatever happens to workers, jobs and answers on the way.
//!
//! One operation, two workers, one or two items. [`Protocol`] says how many misfortunes may happen,
//! of any kinds together: a worker crashes, or is stopped until its lease is over and runs again;
//! a job is lost, or delivered again; the answer to a commit is lost; a transaction fails for a
//! passing reason, or a stage for good; an operator cancels or pauses the operation. The checker
//! ([stateright](https://docs.rs/stateright)) takes every order of everything. What must hold is
//! in `properties.rs`; [`Variant`] leaves out one rule of the protocol at a time, and the tests
//! say what the checker finds then.
//!
//! # What is what
//! A transaction is one action: it is committed or not, and may see what others committed before.
//! That is what the row locks of the statements below make of it. Time is any time: a lease ends,
//! a heartbeat comes, a sweep begins whenever the checker likes. A test compares this table with
//! the tree: a function that goes elsewhere has to take its line along.
//!
//! | action | function | where |
//! |---|---|---|
//! | `Fetch` | `one_life` | `crates/queue/src/consume.rs` |
//! | `Skip` | `work` | `crates/worker/src/lane.rs` |
//! | `Step` in `Claim` | `claim` | `crates/store/src/items/claim.rs` |
//! | | | `crates/store/queries/items/claim.sql` |
//! | `Step` in `Work` | `run_stage` | `crates/engine/src/runner.rs` |
//! | its fence | `record` | `crates/store/src/checkpoints/record.rs` |
//! | | | `crates/store/queries/checkpoints/record.sql` |
//! | what follows a failure | `after_failure` | `crates/operations/src/provision.rs` |
//! | `Step` in `PutBack` | `put_back` | `crates/engine/src/control/recover.rs` |
//! | its fence | `retry_later` | `crates/store/src/items/retry_later.rs` |
//! | `Step` in `TurnBack` | `turn_back` | `crates/operations/src/provision.rs` |
//! | its fence | `begin_unwind` | `crates/store/src/items/unwind.rs` |
//! | `Step` in `Unwind`, a stage | `undo_stage` | `crates/engine/src/unwinder.rs` |
//! | its fence | `hold` | `crates/store/src/items/hold.rs` |
//! | `Step` in `Unwind`, the end | `end` | `crates/engine/src/unwinder.rs` |
//! | its fence | `fail` | `crates/store/src/items/finish.rs` |
//! | `Step` in `GiveUp` | `after_failed_undo` | `crates/operations/src/provision.rs` |
//! | `Step` in `Acknowledge`, `Refuse` | `deliver` | `crates/queue/src/consume.rs` |
//! | `SeeCancel` | `provision` | `crates/operations/src/provision.rs` |
//! | `Bury` | `free_the_dead` | `crates/engine/src/control/recover.rs` |
//! | `TimeOutJobs` | `one_life` | `crates/queue/src/consume.rs` |
//! | `Beat` | `run` | `crates/worker/src/heartbeat.rs` |
//! | `StartOver` | `live_on` | `crates/worker/src/run.rs` |
//! | `SeeEnd`, `WriteEnd` | `settle` | `crates/store/src/operations/settle.rs` |
//! | what is seen | | `crates/store/queries/operations/closed.sql` |
//! | the guard | | `crates/store/queries/operations/settle.sql` |
//! | by who ended an item | `mark` | `crates/worker/src/settler.rs` |
//! | by the sweep | `quick_round` | `crates/worker/src/sweeper.rs` |
//! | `GiveBack` | `give_back_forgotten` | `crates/engine/src/control/recover.rs` |
//! | which items | `owned_by` | `crates/store/src/items/forgotten.rs` |
//! | `Reconcile` | `revive_stranded` | `crates/engine/src/control/recover.rs` |
//! | which items | `waiting_since` | `crates/store/src/items/stranded.rs` |
//! | `Cancel` | `cancel` | `crates/engine/src/control/cancel.rs` |
//! | which items | `cancel_waiting` | `crates/store/src/items/cancel_waiting.rs` |
//! | `Hold`, `LetGo` | `resume` | `crates/engine/src/control/pause.rs` |
//!
//! # What is not the same
//! - The plan has two stages, as the engine allows; the default plan has one, and so fewer states.
//! - A worker has one handler. Several are as good as several workers, but for the crash.
//! - A worker does not come back from a crash: a new process has a fresh id, so the other worker
//!   is as good.
//! - A worker that was declared dead fetches one more job at most before its heartbeat tells it.
//! - Two jobs that nobody holds, for the same item, count as one.
//! - Nothing new goes wrong after the operation has finished; late workers still act.
//! - `SeeCancel` may come between two stages. The code looks at the claim only.
//! - All-or-nothing operations, the retry of an operation and the operator's undo are left out.
//! - Items move as `domain::ItemState` allows, and an operation ends as `domain::Progress` says: the
//!   model asks the same code.

mod action;
mod handler;
mod properties;
mod protocol;
mod state;
mod symmetry;
mod variant;

pub use action::{Action, Answer};
pub use properties::{
    ACTIVATED_ONCE, ALL_ENDS, ENDS_STAY, FINISHED_IS_OVER, FINISHED_ONCE, MOVES_ARE_LEGAL,
    NO_REMAINS, NO_STALE_COMMIT, NOT_STOLEN, STRANGERS_SAFE, VISIBLE_IFF_SUCCEEDED,
};
pub use protocol::Protocol;
pub use state::{
    Hand, Item, Job, Operation, Owner, Phase, Process, Reason, Row, Schema, Stage, Stages, State,
    Worker, Wrong,
};
pub use symmetry::representative;
pub use variant::Variant;
