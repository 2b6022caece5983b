//! The worker: takes jobs, provisions their items, and keeps the system moving.
//!
//! [`run`] is the whole process: it consumes the queue (`handler`), says that it lives
//! (`heartbeat`), sees to whole batches (`settler`, `whole_batch`), mends what others left behind (`sweeper`), answers
//! `/healthz`, `/readyz` and `/metrics` (`health`), and drains when it is told to stop.

mod build;
mod handler;
mod health;
mod heartbeat;
mod run;
mod settler;
mod sweeper;
mod whole_batch;

pub use build::{BuildError, build_parts};
pub use run::{StartError, run};
