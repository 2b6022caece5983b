//! Children that do not outlive us.
//!
//! Linux signals a child when the **thread** that spawned it ends, not the
//! process (prctl(2), `PR_SET_PDEATHSIG`). So every bound child is spawned by
//! one thread that lives as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::sys::signal::Signal;

/// What is to be spawned, and where the child goes.
type Order = (Command, Sender<io::Result<Child>>);

/// A child that gets SIGTERM when this program ends, even by SIGKILL.
///
/// Only Linux has the means; elsewhere this is a plain spawn.
///
/// # Errors
/// The error of spawning.
pub fn spawn_bound(command: Command) -> io::Result<Child> {
    spawn_bound_by(command, Signal::SIGTERM)
}

/// As [`spawn_bound`], with the signal that ends the child well.
pub(crate) fn spawn_bound_by(mut command: Command, signal: Signal) -> io::Result<Child> {
    bind(&mut command, signal);
    let (answer, child) = channel();
    spawner()?.send((command, answer)).map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}

/// The one long-lived thread. Its start is tried again if it failed.
fn spawner() -> io::Result<&'static Sender<Order>> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    if let Some(spawner) = SPAWNER.get() {
        return Ok(spawner);
    }
    let (orders, inbox) = channel::<Order>();
    thread::Builder::new().name("localpg-spawner".into()).spawn(move || {
        for (mut command, answer) in inbox {
            if let Err(unread) = answer.send(command.spawn()) {
                tracing::debug!("nobody waited for a child: {unread}");
            }
        }
    })?;
    // Two threads that come here at once both made a spawner; the loser's ends
    // unused, as its only sender is dropped.
    Ok(SPAWNER.get_or_init(|| orders))
}

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "only between fork and exec can a child ask for its parent's death signal; the two \
              calls made there are plain system calls: no allocation, no lock"
)]
fn bind(command: &mut Command, signal: Signal) {
    use std::os::unix::process::CommandExt;

    let us = nix::unistd::getpid();
    let ask = move || {
        nix::sys::prctl::set_pdeathsig(signal)?;
        // We may have died before the child asked: then nobody will signal it.
        if nix::unistd::getppid() == us { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
    };
    // SAFETY: the closure makes only async-signal-safe system calls.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn bind(_command: &mut Command, _signal: Signal) {}
