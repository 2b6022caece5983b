//! Worker processes: who is alive, and why one could not start.

mod beat;
mod bury;
mod refuse;
mod register;
mod retire;

pub use beat::beat;
pub use bury::bury;
pub use refuse::refuse;
pub use register::register;
pub use retire::retire;
