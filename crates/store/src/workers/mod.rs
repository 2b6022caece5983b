//! Worker processes: who is alive.

mod beat;
mod bury;
mod register;
mod retire;

pub use beat::beat;
pub use bury::bury;
pub use register::register;
pub use retire::retire;
