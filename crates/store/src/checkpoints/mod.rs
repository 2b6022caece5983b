//! Checkpoints: the committed stages of an item.

mod record;
mod undone;

pub use record::{StepRecord, record};
pub use undone::undone;
