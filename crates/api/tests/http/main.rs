//! The API through its router, on a real database and without a worker.

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
