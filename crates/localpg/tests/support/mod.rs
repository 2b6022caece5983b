//! Ground to run clusters on, queries, and programs to kill (`examples/`).
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use localpg::{Binaries, Cluster, Options, Search};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long a shared cluster waits for another user here, in seconds.
pub(crate) const QUIET_SECS: u32 = 2;

/// A directory that the server's user can enter.
pub(crate) fn ground() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// A cluster below `ground`. Durable: the crashes are about what is kept.
pub(crate) fn start(ground: &TempDir) -> Cluster {
    Cluster::start(options(ground)).unwrap()
}

pub(crate) fn options(ground: &TempDir) -> Options {
    let extra = vec![("shared_buffers".to_owned(), "16MB".to_owned())];
    Options { extra, ..Options::new(ground.path().join("pg")) }
}

pub(crate) fn data_dir(ground: &TempDir) -> PathBuf {
    ground.path().join("pg/data")
}

pub(crate) fn psql(url: &str) -> Command {
    let binaries = Binaries::find(Search::default()).unwrap();
    let mut psql = Command::new(binaries.dir().join("psql"));
    psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
    psql.stdin(Stdio::null());
    psql
}

/// What a query answers; panics if it fails.
pub(crate) fn ask(url: &str, sql: &str) -> String {
    let answer = psql(url).args(["-c", sql]).output().unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(answer.status.success(), "{sql}: {said}");
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

/// Waits until it is so; panics with `what` if it never is.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether there is such a process, and no mere zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|it| !it.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

pub(crate) fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// Something that lasts longer than any test, and keeps no pipe of ours open.
pub(crate) fn sleep() -> Command {
    let mut sleep = Command::new("sleep");
    sleep.arg("600").current_dir("/");
    sleep.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sleep
}

/// Another program, with `dir` for its own: an example, which `cargo test` builds beside the
/// tests (but not when it is told to build one test only).
pub(crate) fn program(example: &str, dir: &Path) -> Child {
    let this = std::env::current_exe().unwrap();
    let path = this.ancestors().nth(2).unwrap().join("examples").join(example);
    let mut program = Command::new(&path);
    program.arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    program.spawn().unwrap_or_else(|error| panic!("could not run {}: {error}", path.display()))
}

/// The directory that [`program`] gives to the program.
pub(crate) fn my_dir() -> PathBuf {
    std::env::args_os().nth(1).expect("a directory as the argument").into()
}

/// The pid of the server that a program says it has.
pub(crate) fn announced(program: &mut Child) -> i32 {
    let out = BufReader::new(program.stdout.take().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("server=")).expect("the program started a server");
    line.split("server=").nth(1).unwrap().parse().unwrap()
}

/// The other side of [`announced`]: says it, then does nothing until killed.
pub(crate) fn announce_and_wait(server: i32) {
    println!("\nserver={server}");
    let mut nothing = String::new();
    std::io::stdin().read_line(&mut nothing).unwrap();
}

/// Kills a program so that it can do nothing about it.
pub(crate) fn murder(mut program: Child) {
    program.kill().unwrap();
    program.wait().unwrap();
}
