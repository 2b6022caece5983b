//! The protocol of items, claims, holds, stages and settling as a small model, and what must hold
//! in every state it can reach, whatever happens to workers, jobs and answers on the way.
//!
//! Two workers and up to three items. The items are those of one operation, each with a tenant of
//! its own, or operations of one item each on the same tenants. [`Kind`] says what a plan does:
//! provision unwinds when it fails, migrate stays as it is, delete has a pivot. The tenants'
//! schemas lie in the control database, or in another one that has a fence of its own.
//!
//! [`Protocol`] says how many misfortunes may happen, of any kinds together: a worker crashes, or
//! is halted until its lease is over and runs again; a job is lost, or delivered again; the answer
//! to a commit is lost; a transaction fails for a passing reason, or a stage for good; an operator
//! cancels or pauses an operation, or retries an item. The checker
//! ([stateright](https://docs.rs/stateright)) takes every order of everything. What must hold is
//! in `properties.rs`; [`Variant`] leaves out one rule of the protocol at a time, and the tests
//! say what the checker finds then.
//!
//! # The rules of the general engine
//! - An item holds its tenants from its claim to its end, also while it is retried, unwound, stuck,
//!   or its undo was given up. An item whose tenant is held becomes `waiting` at its claim, gives
//!   its job up and holds nothing. So does one that came later than an item that has not begun; an
//!   item of a paused operation does not count.
//! - After the commit that ends an item its worker gives a job to the first item that waits for the
//!   tenant, in a transaction of its own. That may be lost, and does not come after a cancel or
//!   for a tenant that was being made. So the sweep gives a job to each waiting item that has
//!   none, once its tenant is not held.
//! - A failure after the pivot makes the item `stuck`. The checkpoints say whether the pivot is
//!   committed, not the worker's memory: the answer to its last commit may be lost.
//! - A stuck item has ended, and its operation counts it as failed. An operator gives it up, or has
//!   it tried again, with no tries used and with a new job.
//! - An item that an operator opens begins a new run of its operation, also where the operation is
//!   not finished yet. The end of an operation is written for the run that it was seen in.
//! - A kind that stays passes through `unwinding` too, and undoes nothing there.
//! - In another database, a claim first raises the token in the ledger in a commit of its own and
//!   reads which stages are committed there. It records them in the control database before it
//!   goes on. Whoever turns back does the same, even under the same claim: the answer to its last
//!   commit may be lost. An item does not end before the ledger was asked.
//! - What is recorded are the ledger's own stages. The control database's stages are left alone:
//!   one of them may be committed and its answer lost.
//! - Where a tenant is in another database, a cancel ends no item that is `retrying`: a late worker
//!   may still commit there. The next claim raises the token and turns the item back.
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
//! | `Step` in `Claim` | `claim` | `crates/store/src/items/claim.rs` |
//! | which wait, and which hold | | `crates/store/queries/items/claim.sql` |
//! | what follows a claim | `work` | `crates/operations/src/executor.rs` |
//! | `Step` in `Raise` | `raise` | `crates/engine/src/elsewhere.rs` |
//! | its fence | `raise` | `crates/engine/src/fence.rs` |
//! | `Step` in `Record`, after `Raise` | `catch_up` | `crates/engine/src/elsewhere.rs` |
//! | `Step` in `Record`, after a stage | `follow` | `crates/engine/src/here.rs` |
//! | `Step` in `Work` | `run_stage` | `crates/engine/src/runner.rs` |
//! | in the control database | `run_here` | `crates/engine/src/here.rs` |
//! | its fence | `record` | `crates/store/src/checkpoints.rs` |
//! | | | `crates/store/queries/checkpoints/record.sql` |
//! | in another database | `run_there` | `crates/engine/src/elsewhere.rs` |
//! | its fence, first | `open` | `crates/engine/src/fence.rs` |
//! | its fence, last | `close` | `crates/engine/src/fence.rs` |
//! | what follows a failure | `after_failure` | `crates/operations/src/executor.rs` |
//! | `Step` in `PutBack` | `put_back` | `crates/engine/src/control/recover.rs` |
//! | its fence | `retry_later` | `crates/store/src/items/outcome.rs` |
//! | `Step` in `TurnBack` | `turn_back` | `crates/operations/src/executor.rs` |
//! | its fence | `begin_unwind` | `crates/store/src/items/outcome.rs` |
//! | after the pivot | `give_up` | `crates/operations/src/executor.rs` |
//! | its fence | `stick` | `crates/store/src/items/outcome.rs` |
//! | `Step` in `Unwind`, a stage | `undo_stage` | `crates/engine/src/unwinder.rs` |
//! | its fence | `hold` | `crates/store/src/items/outcome.rs` |
//! | in another database | `undo_there` | `crates/engine/src/elsewhere.rs` |
//! | `Step` in `Unwind`, the end | `end` | `crates/engine/src/unwinder.rs` |
//! | its fence | `fail` | `crates/store/src/items/outcome.rs` |
//! | `Step` in `GiveUp` | `after_failed_undo` | `crates/operations/src/executor.rs` |
//! | `Step` in `Acknowledge`, `Refuse` | `deliver` | `crates/queue/src/consume.rs` |
//! | `SeeCancel` | `work` | `crates/operations/src/executor.rs` |
//! | `Bury` | `free_the_dead` | `crates/engine/src/control/recover.rs` |
//! | `TimeOutJobs` | `one_life` | `crates/queue/src/consume.rs` |
//! | `Beat` | `run` | `crates/worker/src/heartbeat.rs` |
//! | `StartOver` | `live_on` | `crates/worker/src/run.rs` |
//! | `SeeEnd`, `WriteEnd` | `settle` | `crates/store/src/operations/end.rs` |
//! | what is seen | | `crates/store/queries/operations/closed.sql` |
//! | the guard | | `crates/store/queries/operations/settle.sql` |
//! | by who ended an item | `mark` | `crates/worker/src/settler.rs` |
//! | by the sweep | `quick_round` | `crates/worker/src/sweeper.rs` |
//! | `Release` | `release` | `crates/engine/src/control/wake.rs` |
//! | which item | `next_for` | `crates/store/src/items/waiting.rs` |
//! | after which ends | `mark` | `crates/worker/src/settler.rs` |
//! | `GiveBack` | `give_back_forgotten` | `crates/engine/src/control/recover.rs` |
//! | which items | `owned_by` | `crates/store/src/items/lost.rs` |
//! | `Reconcile` | `revive_stranded` | `crates/engine/src/control/recover.rs` |
//! | which items | `waiting_since` | `crates/store/src/items/lost.rs` |
//! | `TryAgain` | `go_on` | `crates/store/src/items/repair.rs` |
//! | `Abandon` | `resolve` | `crates/engine/src/control/repair.rs` |
//! | the operation's new run | `reopen` | `crates/store/src/operations/run.rs` |
//! | `Cancel` | `cancel` | `crates/engine/src/control/steer.rs` |
//! | which items | `cancel_waiting` | `crates/store/src/items/together.rs` |
//! | `Pause` | `pause` | `crates/engine/src/control/steer.rs` |
//! | `Resume` | `resume` | `crates/engine/src/control/steer.rs` |
//! | `Retry` | `retry` | `crates/engine/src/control/retry.rs` |
//! | which items | `requeue` | `crates/store/src/items/repair.rs` |
//!
//! # What the code does not keep
//! The code does what this variant does. It matters once a tenant is in another database.
//! - `CancelEndsClaimed`: `cancel_waiting` ends what is `retrying`, wherever its tenant is.
//!
//! # What is not the same
//! - The plans have two and three stages, as the engine allows; provision's has one where all is in
//!   one database, and so fewer states.
//! - A worker has one handler. Several are as good as several workers, but for the crash. A job for
//!   what a worker works on already comes again; here it is not fetched before.
//! - A worker does not come back from a crash: a new process has a fresh id, so the other worker
//!   is as good.
//! - A worker that was declared dead fetches one more job at most before its heartbeat tells it.
//! - Two jobs that no worker holds, for the same item, count as one.
//! - Nothing new goes wrong while the operation is finished; late workers still act.
//! - `SeeCancel` may come between two stages. The code looks at the claim only.
//! - The claim that finds a tenant held and the end that frees it are one after the other here.
//!   In the database they may miss each other; the item then waits for the sweep, as after a lost
//!   wake-up.
//! - A worker releases no tenant that no item waits for, or will begin with, when the holder ends.
//!   When an operator gives a stuck item up, the sweep releases its tenant.
//! - An item that unwinds in another database records here at once what the ledger says. The code
//!   does it stage by stage, as it undoes them.
//! - The end of an operation is looked at where its items have tenants of their own. An item is
//!   retried where they share one.
//! - A second tenant is held like the first: several readers of one are left out. The code has no
//!   second tenant.
//! - Atomic operations, interrupts, outside stages, the operator's undo and a delete that takes a
//!   tenant over from a stuck item are left out.
//! - Items move as [`domain::ItemState`] allows, and an operation ends as [`domain::Progress`] says.

mod action;
mod claim;
mod effects;
mod handler;
mod holds;
mod ledger;
mod plan;
mod properties;
mod protocol;
mod state;
mod symmetry;
mod variant;
mod worker;

pub use action::{Action, Answer};
pub use plan::{Kind, Stage, Stages};
pub use properties::{
    ACTIVATED_ONCE, ALL_ENDS, ENDS_STAY, FINISHED_IS_OVER, FINISHED_ONCE, IN_ORDER_OF_ARRIVAL,
    MOVES_ARE_LEGAL, NEVER_UNDONE, NO_REMAINS, NO_STALE_COMMIT, NOT_STOLEN, ONCE_IN_ORDER,
    ONE_AT_A_TIME, RECORDED_AS_IS, STRANGERS_SAFE, VISIBLE_IFF_SUCCEEDED,
};
pub use protocol::{Asked, Protocol};
pub use state::{Item, Job, Operation, Reason, Schema, State, Tenant, Wrong};
pub use symmetry::representative;
pub use variant::Variant;
pub use worker::{Hand, Owner, Phase, Process, Row, Worker};
