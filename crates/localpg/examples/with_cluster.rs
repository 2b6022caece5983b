//! A program with a cluster in the directory it is given; `tests/crashes.rs` kills it.

#![allow(clippy::unwrap_used, reason = "a test says best what went wrong by panicking")]

#[path = "../tests/support/mod.rs"]
mod support;

use localpg::{Cluster, Options};

fn main() {
    let cluster = Cluster::start(Options::new(support::my_dir())).unwrap();

    support::ask(&cluster.url("postgres"), "create table note as select 'kept' as text");
    support::announce_and_wait(cluster.pid());
}
