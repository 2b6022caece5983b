//! Checkpoints: the committed stages of an item.

mod committed;
mod record;
mod undone;

pub use committed::committed;
pub use record::{Noted, StepRecord, record};
pub use undone::undone;
