//! Finds PostgreSQL's binaries and runs a private cluster: no set-up, no
//! container, no password, no port.
//!
//! [`Cluster::start`] takes a directory and gives a running server that ends
//! with the program, however the program ends: [`Drop`] stops it, and on Linux
//! the kernel does when we are killed. A start after a crash recovers: it waits
//! for what is still stopping, clears what was orphaned, and loses no committed
//! row. As root the server runs as `postgres` or `nobody`, as PostgreSQL
//! refuses to run as root.
//!
//! ```text
//! <data_dir>/lock         held while a cluster runs: one at a time
//! <data_dir>/data         PostgreSQL's own; made as data.new, then renamed
//! <data_dir>/server.log   what the server said on its way up
//! /tmp/tenantry-<hash>    the socket: mode 0700, a path short enough for one
//! ```
//!
//! [`testing`] shares one throw-away cluster among all test processes.

mod binaries;
mod bound;
mod cluster;
mod config;
mod error;
mod fetch;
mod hint;
mod home;
mod initdb;
mod launch;
mod leftovers;
mod owner;
mod pidfile;
mod server;
mod statement;
pub mod testing;
mod tool;

pub use binaries::{Binaries, Search};
pub use bound::spawn_bound;
pub use cluster::{Cluster, Options};
pub use error::Error;
pub use fetch::into as fetch_into;
pub use server::Server;
