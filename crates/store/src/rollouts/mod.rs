//! Rollouts: operations that go through their tenants in waves.
//!
//! `tenantry.operations.wave` is the wave in work; its items are moved from `planned` to `queued` in portions.
//! Whoever moves a rollout locks the operation's row first.

mod halt;
mod plan;
mod read;
mod steer;
mod waves;

pub use halt::{Failures, failures, lock_for_failure};
pub use plan::{PlannedWave, prepared};
pub use read::{FailedGroup, Place, Summary, WaveView, failed, list, views};
pub use steer::{excuse, promote_all, rewind, skip, stop};
pub use waves::{
    InWork, Rolling, WaveRow, begin, due, in_work, let_on, line_up, lock, pause, set_state,
    succeeded, wave,
};
