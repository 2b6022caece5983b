//! The API through its router, on a real database and without a worker.

#![allow(clippy::unwrap_used)]

mod errors;
mod idempotency;
mod keys;
mod lists;
mod roles;
mod single;
mod steering;
mod submission;
mod support;
mod waiting;
