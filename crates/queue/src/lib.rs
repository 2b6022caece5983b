//! The seam to apalis: everything Tenantry knows about its queue.
//!
//! An apalis job is a **durable wake-up token** with the payload `{v, item}`; the item's row in
//! `tenantry.operation_items` is the truth. A lost, late, doubled or reordered job therefore costs
//! time and never correctness. Jobs wait in a queue for each [`Class`]: new tenants, what interrupts,
//! tenants that are there. This crate gives jobs out in the caller's transaction ([`wake`]),
//! consumes them ([`consume`]) and mends what the queue does not mend itself ([`release_jobs_of`],
//! [`without_live_job`], [`prune`]). Nothing outside it knows a job's id: an id names its item.
//!
//! apalis' table is not Tenantry's own: the statements here are not checked at build time, the
//! tests in `tests/contract/` pin what they lean on instead.

#![warn(missing_docs, clippy::missing_errors_doc)]

mod connect;
mod consume;
mod doorbell;
mod enqueue;
mod job;
mod maintain;
mod setup;
mod share;
mod wakeup;

pub use connect::{options, pool};
pub use consume::{Buffer, Consumer, Handled, consume};
pub use doorbell::{Bell, Beside, listen, ring, ring_over};
pub use enqueue::{Line, wake};
pub use job::{Class, Job, QUEUES};
pub use maintain::{prune, release_jobs_of, silence_of, without_live_job};
pub use setup::{SetupError, faults, is_set_up, setup};
