//! The queue as a whole: paused or not, what waits, who works.

mod pause;
mod read;
mod staff;

pub use pause::{pause, resume};
pub use read::{QueueState, WorkerLine, read, waiting};
pub use staff::{Staff, staff};
