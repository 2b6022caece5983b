//! What a process tells about itself: log lines, error chains, metrics.
//!
//! `main` calls [`init`] and [`Metrics::install`] once; everybody else uses the
//! macros of `tracing` and `metrics` with the names in [`names`]. An error is
//! logged once, where it is handled, as its [`chain()`].

mod chain;
mod metrics;
pub mod names;
mod process;
mod subscriber;

pub use chain::chain;
pub use metrics::Metrics;
pub use process::{announced, cancel_on_signal, write_private};
pub use subscriber::{InitError, init};
