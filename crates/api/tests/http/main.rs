//! The API through its router, on a real database and without a worker.

#![allow(clippy::unwrap_used)]

mod acts_once;
mod atomic;
mod audit;
mod audited;
mod bulk_keys;
mod checks;
mod digests;
mod dry_run;
mod errors;
mod hostile_bodies;
mod idempotency;
mod item_story;
mod keys;
mod limits;
mod lists;
mod numbers;
mod operation_bodies;
mod operations;
mod pausing;
mod personal;
mod progress;
mod roles;
mod rollouts;
mod scheduled;
mod selectors;
mod served;
mod shares;
mod single;
mod steering;
mod streamed;
mod submission;
mod support;
mod tenant_keys;
mod undo_failed;
mod updates;
mod waiting;
