//! One throw-away cluster for all test processes, and a database of its own for
//! each test.
//!
//! `cargo test` runs one binary after another, nextest one process per test,
//! and any of them may be killed. So nobody owns the cluster:
//!
//! - each process holds a shared lock on `users` for as long as it lives: the
//!   kernel lets go of it however the process ends;
//! - the first that finds no server starts one, under `lock`, detached;
//! - `watch.sh`, a small detached shell, stops it when it could take `users`
//!   for itself for some seconds in a row, and **while holding it**: whoever
//!   comes in that moment waits, and then starts a new one.
//!
//! The cluster is made anew by each start and erased by each stop, on
//! `/dev/shm` if there is room: nothing is left over from an earlier run.

mod cluster;
mod database;
mod place;

pub use cluster::{SharedCluster, shared_cluster};
pub use database::{Database, database, empty_database};
