//! The queue as a whole: paused or not, what waits, who works.

mod pause;
mod read;
mod resume;
mod staff;

pub use pause::pause;
pub use read::{QueueState, WorkerLine, read, waiting};
pub use resume::resume;
pub use staff::{Staff, staff};
