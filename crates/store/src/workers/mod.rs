//! Worker processes: who is alive, and why one could not start, and the migrations they have.

mod beat;
mod bury;
mod refuse;
mod register;
mod retire;
mod sets;

pub use beat::beat;
pub use bury::bury;
pub use refuse::refuse;
pub use register::register;
pub use retire::retire;
pub use sets::{live_sets, set_versions};
