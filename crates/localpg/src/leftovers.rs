//! Clears what an earlier server left behind, so that a start after any crash
//! works. PostgreSQL alone refuses: a pid in `postmaster.pid` that is a zombie,
//! or another program's by now, counts as alive there, and an orphaned backend
//! holds the shared memory.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, OnPath};
use crate::pidfile;
use crate::tool;

/// How long a healthy server may take to stop by itself: it writes a checkpoint.
const STOPPING: Duration = Duration::from_secs(30);

/// How long processes may take to end after they were told to drop everything.
const DYING: Duration = Duration::from_secs(10);

/// Makes `data` free for a new server. The caller holds the cluster's lock, so
/// whatever still runs here is an orphan.
pub(crate) fn clear(data: &Path) -> Result<(), Error> {
    let live = processes_in(data);
    let postmaster = pidfile::pid(data).filter(|pid| live.contains(pid));
    let ended = match postmaster {
        Some(pid) => {
            signal(pid, Signal::SIGINT);
            all_gone(data, STOPPING)
        }
        None => live.is_empty(),
    };
    if !ended {
        for pid in processes_in(data) {
            signal(pid, Signal::SIGQUIT);
        }
        if !all_gone(data, DYING) {
            return Err(Error::Leftovers { path: data.to_owned(), pids: processes_in(data) });
        }
    }
    remove_marks(data)
}

/// The pid file and the socket's lock, which both name a server that is gone.
fn remove_marks(data: &Path) -> Result<(), Error> {
    if let Some((server, _)) = pidfile::read(data) {
        remove_if_there(&server.socket())?;
        remove_if_there(&server.socket().with_added_extension("lock"))?;
    }
    remove_if_there(&pidfile::path(data))
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).on("remove", path),
        _ => Ok(()),
    }
}

fn signal(pid: i32, signal: Signal) {
    if let Err(errno) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!("could not send {signal} to {pid}: {errno}");
    }
}

fn all_gone(data: &Path, within: Duration) -> bool {
    tool::poll_until(within, || processes_in(data).is_empty().then_some(())).is_some()
}

/// PostgreSQL's processes at work in `data`: the postmaster changes into its
/// data directory and backends inherit that. Zombies are left out: their working
/// directory cannot be read.
#[cfg(target_os = "linux")]
pub(crate) fn processes_in(data: &Path) -> Vec<i32> {
    let Ok(data) = data.canonicalize() else { return Vec::new() };
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| works_in(Path::new(&format!("/proc/{pid}")), &data))
        .collect()
}

#[cfg(target_os = "linux")]
fn works_in(process: &Path, data: &Path) -> bool {
    let there = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == data);
    there && fs::read_to_string(process.join("comm")).is_ok_and(|it| it.starts_with("postgres"))
}

/// Without `/proc` only the postmaster can be found: by its pid, and by its name
/// as pids are used again.
#[cfg(not(target_os = "linux"))]
pub(crate) fn processes_in(data: &Path) -> Vec<i32> {
    let Some(pid) = pidfile::pid(data) else { return Vec::new() };
    let ps =
        std::process::Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).output();
    let name = ps.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    let runs = Path::new(name.trim()).file_name().is_some_and(|name| name == "postgres");
    if runs { vec![pid] } else { Vec::new() }
}
