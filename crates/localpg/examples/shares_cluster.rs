//! One of the processes that share the cluster in the directory they are given;
//! `tests/shared.rs` runs and kills them.

#![allow(clippy::unwrap_used, reason = "a test says best what went wrong by panicking")]

#[path = "../tests/support/mod.rs"]
mod support;

use localpg::testing::SharedCluster;

fn main() {
    let cluster = SharedCluster::join(&support::my_dir(), support::QUIET_SECS).unwrap();

    assert_eq!(support::ask(&cluster.url("postgres"), "select 1"), "1");
    support::announce_and_wait(cluster.pid());
}
