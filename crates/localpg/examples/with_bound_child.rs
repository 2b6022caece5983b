//! A program whose child must not outlive it; `tests/crashes.rs` kills it.

#![allow(clippy::unwrap_used, reason = "a test says best what went wrong by panicking")]

#[path = "../tests/support/mod.rs"]
mod support;

use localpg::spawn_bound;

fn main() {
    let sleep = support::sleep();

    // From a thread that ends at once: that alone must not end the child.
    let mut child = std::thread::spawn(|| spawn_bound(sleep)).join().unwrap().unwrap();

    assert!(child.try_wait().unwrap().is_none());
    support::announce_and_wait(i32::try_from(child.id()).unwrap());
}
