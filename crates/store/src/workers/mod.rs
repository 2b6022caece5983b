//! Worker processes: who is alive.

mod any_silent;
mod beat;
mod bury;
mod register;
mod retire;

pub use any_silent::any_silent;
pub use beat::beat;
pub use bury::bury;
pub use register::register;
pub use retire::retire;
