//! The cluster that test processes share: there while anyone needs it, gone soon
//! after.

#![allow(clippy::unwrap_used, reason = "a test says best what went wrong by panicking")]

mod support;

use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use localpg::testing::{database, empty_database};
use support::{QUIET_SECS, announced, ask, eventually, ground, kill_9, lives, murder, program};

fn user(dir: &Path) -> std::process::Child {
    program("shares_cluster", dir)
}

#[test]
fn the_cluster_outlives_all_users_but_the_last_and_not_him() {
    let ground = ground();
    let dir = ground.path().join("shared");
    let (mut first, mut second) = (user(&dir), user(&dir));
    let server = announced(&mut first);
    assert_eq!(announced(&mut second), server, "two clusters in one place");

    murder(first);
    let deadline = Instant::now() + Duration::from_secs(u64::from(QUIET_SECS) + 2);
    while Instant::now() < deadline {
        assert!(lives(server), "the cluster ended while it was used");
        thread::sleep(Duration::from_millis(20));
    }
    murder(second);

    eventually("the unused cluster ends", || !lives(server));
    eventually("its data is erased", || !dir.join("data").exists());
    let mut third = user(&dir);
    let next = announced(&mut third);
    murder(third);
    assert_ne!(next, server);
    eventually("the next one ends too", || !lives(next));
}

#[test]
fn a_crashed_cluster_is_replaced_and_watched_again() {
    let ground = ground();
    let dir = ground.path().join("shared");
    let mut first = user(&dir);
    let crashed = announced(&mut first);

    kill_9(crashed);
    murder(first);
    eventually("the server has crashed", || !lives(crashed));
    let mut second = user(&dir);
    let server = announced(&mut second);
    murder(second);

    assert_ne!(server, crashed);
    eventually("the new cluster ends too", || !lives(server));
}

#[test]
fn each_test_gets_a_database_of_its_own_and_the_template_is_built_once() {
    static BUILT: AtomicU32 = AtomicU32::new(0);
    let build = |url: &str| {
        BUILT.fetch_add(1, Ordering::SeqCst);
        ask(url, "create table note (text text)");
        Ok::<_, Infallible>(())
    };
    let key = format!("shared.rs {}", std::process::id());

    let (a, b) = thread::scope(|scope| {
        let a = scope.spawn(|| database(&key, build).unwrap());
        let b = scope.spawn(|| database(&key, build).unwrap());
        (a.join().unwrap(), b.join().unwrap())
    });
    ask(&a.url(), "insert into note values ('mine')");

    assert_eq!(BUILT.load(Ordering::SeqCst), 1);
    assert_eq!(ask(&a.url(), "select count(*) from note"), "1");
    assert_eq!(ask(&b.url(), "select count(*) from note"), "0");
}

#[test]
fn a_template_that_failed_to_build_is_built_again() {
    let key = format!("shared.rs, fails at first, {}", std::process::id());

    let failed = database(&key, |_| Err("no")).unwrap_err();
    let worked = database(&key, |_| Ok::<_, Infallible>(())).unwrap();

    assert_eq!(failed.to_string(), "could not build the template database");
    assert_eq!(ask(&worked.url(), "select 1"), "1");
}

#[test]
fn a_dropped_database_is_gone_though_somebody_is_connected() {
    let database = empty_database().unwrap();
    let cluster = database.cluster();
    let name = database.name().to_owned();
    let mut idle = support::psql(&database.url());
    let mut idle = idle
        .args(["-c", "select pg_sleep(600)"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let there = format!("select count(*) from pg_stat_activity where datname = '{name}'");
    eventually("somebody is connected", || ask(&cluster.url("postgres"), &there) == "1");

    drop(database);

    let left = format!("select count(*) from pg_database where datname = '{name}'");
    assert_eq!(ask(&cluster.url("postgres"), &left), "0");
    assert!(!idle.wait().unwrap().success());
}
