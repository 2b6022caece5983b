//! The worst day, again and again: real processes and a real cluster, broken in every way that a
//! seed chooses, and judged when they have come to rest. docs/RELIABILITY.md says what is promised.
//!
//! A round is a kind of fault on a running system. It ends when every batch is over; then two
//! judges look (`judge.rs`). A round that fails says how to run it again.

#![allow(clippy::unwrap_used, reason = "a failed helper fails the round")]

mod bed;
mod caller;
mod dice;
mod drive;
mod faults;
mod ground;
mod judge;
#[cfg(test)]
mod judge_tests;
mod moved;
mod moves;
mod postgres;
mod proxy;
mod rounds;
mod strangers;
#[path = "../stories/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the stories use the rest")]
mod support;
mod tally;
mod wish;

use drive::{many, one_of_each};
use rounds::Kind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_may_die_at_any_named_point() {
    let tally = one_of_each(&[Kind::Crash]).await;

    assert!(tally.faults() >= 56, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_may_die_between_the_segments_of_a_set() {
    let tally = one_of_each(&[Kind::Segments]).await;

    assert!(tally.faults() >= 22, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_and_the_database_may_be_killed_at_any_moment() {
    let tally = one_of_each(&[Kind::Kill, Kind::Restart]).await;

    assert!(tally.faults() >= 9, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_may_break_or_go_dead_and_workers_may_sleep() {
    let tally = one_of_each(&[Kind::Cut, Kind::Halt, Kind::Dead, Kind::Blackout]).await;

    assert!(tally.faults() >= 15, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_and_workers_may_race_connections_may_run_out_and_tenants_may_attack() {
    let tally = one_of_each(&[Kind::Race, Kind::Starve, Kind::Hostile]).await;

    assert!(tally.faults() >= 20, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_refuses_clearly_and_keeps_no_half_tenant() {
    let tally = one_of_each(&[Kind::Locks, Kind::Disk]).await;

    assert!(tally.faults() >= 1, "{tally}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_of_any_kind_lose_nothing() {
    let tally = many().await;

    assert!(tally.faults() >= 1, "{tally}");
}
