//! After any crash the next start works and keeps what was committed.

#![allow(clippy::unwrap_used, reason = "a test says best what went wrong by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use support::{
    announced, ask, data_dir, eventually, ground, kill_9, lives, murder, program, psql, sleep,
    start,
};

#[test]
fn the_server_ends_with_a_killed_program_and_starts_again() {
    let ground = ground();
    let mut doomed = program("with_cluster", &ground.path().join("pg"));
    let server = announced(&mut doomed);

    murder(doomed);
    let next = start(&ground);

    assert!(!lives(server));
    assert_eq!(ask(&next.url("postgres"), "select text from note"), "kept");
}

#[test]
fn a_bound_child_ends_with_its_killed_parent() {
    let ground = ground();
    let mut doomed = program("with_bound_child", ground.path());
    let child = announced(&mut doomed);
    assert!(lives(child));

    murder(doomed);

    eventually("the child ends", || !lives(child));
}

#[test]
fn a_killed_postmaster_with_a_busy_backend_costs_no_committed_row() {
    let ground = ground();
    let cluster = start(&ground);
    let url = cluster.url("postgres");
    ask(&url, "create table note as select generate_series(1, 100000) as id");
    let mut busy = psql(&url);
    busy.args([
        "-c",
        "insert into note select 0",
        "-c",
        "select count(*) from generate_series(1, 1e12)",
    ]);
    let mut busy = busy.args(["-1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let find =
        "select pid from pg_stat_activity where query like 'select count(%' and state = 'active'";
    let mut backend = String::new();
    eventually("the backend is busy", || {
        backend = ask(&url, find);
        !backend.is_empty()
    });
    let backend: i32 = backend.parse().unwrap();

    kill_9(cluster.pid());
    drop(cluster);
    let orphaned = lives(backend);
    let next = start(&ground);

    assert!(orphaned, "the backend went with its postmaster: this test proves nothing");
    assert!(!lives(backend));
    assert_eq!(ask(&next.url("postgres"), "select count(*) from note where id > 0"), "100000");
    assert_eq!(ask(&next.url("postgres"), "select count(*) from note where id = 0"), "0");
    busy.wait().unwrap();
}

#[test]
fn a_pid_file_that_names_somebody_elses_process_is_no_obstacle() {
    let ground = ground();
    start(&ground).stop().unwrap();
    let data = data_dir(&ground);
    let owner = data.metadata().unwrap();
    let mut stranger = sleep().uid(owner.uid()).gid(owner.gid()).spawn().unwrap();
    let lines =
        format!("{}\n{}\n1763906400\n5432\n/tmp\n\n  1 2\nready\n", stranger.id(), data.display());
    let file = data.join("postmaster.pid");
    fs::write(&file, lines).unwrap();
    chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();

    let cluster = start(&ground);

    assert_eq!(ask(&cluster.url("postgres"), "select 1"), "1");
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn an_initdb_killed_half_way_is_begun_again() {
    let ground = ground();
    let doomed = program("with_cluster", &ground.path().join("pg"));
    let half = ground.path().join("pg/data.new");
    eventually("initdb is at work", || half.join("PG_VERSION").exists());

    murder(doomed);
    let was_half = half.exists() && !data_dir(&ground).exists();
    let cluster = start(&ground);

    assert!(was_half, "initdb was done already: this test proves nothing");
    assert_eq!(ask(&cluster.url("postgres"), "select 1"), "1");
    assert!(!half.exists());
}
