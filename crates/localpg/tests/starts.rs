//! What a start promises when nothing goes wrong, and what it says when it cannot.

#![allow(clippy::unwrap_used, reason = "a test says best what went wrong by panicking")]

mod support;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use localpg::{Cluster, Error, Options};
use support::{ask, data_dir, eventually, ground, lives, options, psql, start};

#[test]
fn a_second_start_finds_what_the_first_one_stored() {
    let ground = ground();

    let first = start(&ground);
    ask(&first.url("postgres"), "create table note as select 'kept' as text");
    first.stop().unwrap();
    let second = start(&ground);

    assert_eq!(ask(&second.url("postgres"), "select text from note"), "kept");
    assert_eq!(ask(&second.url("postgres"), "show fsync"), "on");
    assert_eq!(ask(&second.url("postgres"), "show max_locks_per_transaction"), "256");
}

#[test]
fn two_directories_run_side_by_side() {
    let (left, right) = (ground(), ground());

    let (a, b) = thread::scope(|scope| {
        let a = scope.spawn(|| start(&left));
        let b = scope.spawn(|| start(&right));
        (a.join().unwrap(), b.join().unwrap())
    });

    assert_ne!(a.pid(), b.pid());
    assert_eq!(ask(&a.url("postgres"), "select 1"), "1");
    assert_eq!(ask(&b.url("postgres"), "select 1"), "1");
}

#[test]
fn the_same_directory_is_waited_for() {
    let ground = ground();
    let first = start(&ground);
    let lock = fs::metadata(ground.path().join("pg/lock")).unwrap().ino();
    let let_go = AtomicBool::new(false);

    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let cluster = start(&ground);
            assert!(let_go.load(Ordering::SeqCst), "two servers over one directory");
            ask(&cluster.url("postgres"), "select 2")
        });
        eventually("the second start waits for the lock", || waits_for(lock));
        let_go.store(true, Ordering::SeqCst);
        first.stop().unwrap();

        assert_eq!(second.join().unwrap(), "2");
    });
}

/// Whether somebody is queued for a lock on the file.
fn waits_for(inode: u64) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|line| line.contains("->") && line.contains(&format!(":{inode} ")))
}

#[test]
fn the_server_never_runs_as_root() {
    let ground = ground();

    let cluster = start(&ground);

    let status = fs::read_to_string(format!("/proc/{}/status", cluster.pid())).unwrap();
    let value = |key| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim();
    assert!(value("Uid:").split_whitespace().all(|uid| uid != "0"), "{status}");
    assert_eq!(value("CapEff:"), "0000000000000000");
    assert_eq!(fs::metadata(cluster.socket_dir()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_closed_home_is_no_obstacle_and_loses_no_data() {
    let ground = ground();
    fs::set_permissions(ground.path(), Permissions::from_mode(0o700)).unwrap();

    let first = start(&ground);
    let place = ask(&first.url("postgres"), "show data_directory");
    ask(&first.url("postgres"), "create table note as select 'kept' as text");
    first.stop().unwrap();
    let second = start(&ground);
    let kept = ask(&second.url("postgres"), "select text from note");

    assert_eq!(kept, "kept");
    drop(second);
    if nix::unistd::geteuid().is_root() {
        let stand_in = Path::new(&place).parent().unwrap();
        assert_eq!(stand_in.parent(), Some(Path::new("/var/lib/tenantry")));
        fs::remove_dir_all(stand_in).unwrap();
    } else {
        assert_eq!(Path::new(&place), data_dir(&ground));
    }
}

#[test]
fn a_database_may_be_asked_for_twice() {
    let ground = ground();
    let cluster = start(&ground);

    cluster.ensure_database("böse \"name\"").unwrap();
    cluster.ensure_database("böse \"name\"").unwrap();

    let url = cluster.url("böse \"name\"");
    assert_eq!(ask(&url, "select current_database()"), "böse \"name\"");
}

#[test]
fn dropping_the_cluster_stops_the_server_and_leaves_no_socket() {
    let ground = ground();
    let cluster = start(&ground);
    let (pid, socket_dir) = (cluster.pid(), cluster.socket_dir().to_owned());

    drop(cluster);

    assert!(!lives(pid));
    assert!(!socket_dir.exists());
}

#[test]
fn tcp_is_closed_to_whoever_lacks_a_password() {
    let ground = ground();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = Cluster::start(Options { port: Some(port), ..options(&ground) }).unwrap();
    let url = |user: &str| format!("postgres://{user}@127.0.0.1:{port}/postgres");

    ask(&cluster.url("postgres"), "create role app login password 'secret'");

    assert_eq!(ask(&url("app:secret"), "select 1"), "1");
    for user in ["app", "app:guess", "postgres", "postgres:guess"] {
        let refused = psql(&url(user)).args(["-w", "-c", "select 1"]).output().unwrap();
        assert!(!refused.status.success(), "{user}");
    }
}

#[test]
fn a_failed_start_shows_what_the_server_said() {
    let ground = ground();
    let extra = vec![("shared_buffers".to_owned(), "plenty".to_owned())];

    let failed = Cluster::start(Options { extra, ..options(&ground) }).unwrap_err();

    assert!(matches!(failed, Error::Ended { .. }), "{failed}");
    assert!(failed.to_string().contains("shared_buffers"), "{failed}");
    assert_eq!(ask(&start(&ground).url("postgres"), "select 1"), "1");
}

#[test]
fn data_of_a_version_that_is_not_installed_is_left_alone() {
    let ground = ground();
    fs::create_dir_all(data_dir(&ground)).unwrap();
    fs::write(data_dir(&ground).join("PG_VERSION"), "12\n").unwrap();

    let failed = Cluster::start(options(&ground)).unwrap_err();

    assert!(failed.to_string().contains("PostgreSQL 12"), "{failed}");
    assert_eq!(fs::read_dir(data_dir(&ground)).unwrap().count(), 1);
}
