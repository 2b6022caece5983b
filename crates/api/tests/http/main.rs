//! The API through its router, on a real database and without a worker.

#![allow(clippy::unwrap_used)]

mod atomic;
mod audited;
mod dry_run;
mod errors;
mod hostile_bodies;
mod idempotency;
mod item_story;
mod keys;
mod limits;
mod lists;
mod numbers;
mod operations;
mod pausing;
mod progress;
mod roles;
mod scheduled;
mod served;
mod shares;
mod single;
mod steering;
mod streamed;
mod submission;
mod support;
mod tenant_keys;
mod undo_failed;
mod waiting;
