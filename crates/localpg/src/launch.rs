//! Brings a server up over a data directory and waits until it takes
//! connections.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::binaries::{Binaries, Search};
use crate::bound::spawn_bound_by;
use crate::cluster::Options;
use crate::config;
use crate::error::{Error, OnPath};
use crate::home::Home;
use crate::initdb;
use crate::leftovers;
use crate::pidfile;
use crate::server::Server;
use crate::tool;

/// PostgreSQL's own default. Sockets in directories of their own cannot collide.
const PORT: u16 = 5432;

/// Longest wait for a start: it may have to replay 2 GB of log after a crash.
const STARTING: Duration = Duration::from_secs(120);

/// Longest wait for a fast stop, which ends with a checkpoint.
const STOPPING: Duration = Duration::from_secs(60);

/// Longest wait after SIGQUIT, which ends with nothing.
const QUITTING: Duration = Duration::from_secs(10);

/// A ready server over `home`, where the caller holds the lock. If `bound`, it ends when we do.
pub(crate) fn launch(
    home: &Home,
    options: &Options,
    bound: bool,
) -> Result<(Child, Server), Error> {
    let search = Search { major: initdb::major(&home.data())?, fetch: options.fetch };
    let binaries = Binaries::find_for(search, home.owner, options.bin.as_deref())?;
    initdb::ensure(home, &binaries, options.durable)?;
    leftovers::clear(&home.data())?;
    let socket_dir = home.make_socket_dir()?;
    let log = home.private_file(&home.log())?;
    let command = server_command(home, options, &binaries, &socket_dir, log)?;
    let mut child = spawn(command, bound)?;
    match wait_until_ready(home, &mut child) {
        Ok(server) => Ok((child, server)),
        Err(error) => {
            if let Err(left) = stop(&mut child) {
                tracing::warn!("could not stop a PostgreSQL that did not come up: {left}");
            }
            Err(error)
        }
    }
}

fn server_command(
    home: &Home,
    options: &Options,
    binaries: &Binaries,
    socket_dir: &Path,
    log: File,
) -> Result<Command, Error> {
    let mut command = tool::command(binaries.dir(), "postgres", home.owner);
    command.arg("-D").arg(home.data()).arg("-k").arg(socket_dir);
    command.args(["-p", &options.port.unwrap_or(PORT).to_string()]);
    let listen = if options.port.is_some() { "127.0.0.1" } else { "" };
    command.args(["-c", &format!("listen_addresses={listen}")]);
    let ours = options.tuned.then(|| config::settings(options.durable));
    for (name, value) in ours.into_iter().flatten() {
        command.args(["-c", &format!("{name}={value}")]);
    }
    for (name, value) in &options.extra {
        command.args(["-c", &format!("{name}={value}")]);
    }
    // A group of its own: Ctrl-C in a terminal is for us, who then stop it.
    command.process_group(0);
    let copy = log.try_clone().on("write", &home.log())?;
    command.stdout(log).stderr(copy);
    Ok(command)
}

fn spawn(mut command: Command, bound: bool) -> Result<Child, Error> {
    let program = Path::new(command.get_program()).to_owned();
    let child = if bound { spawn_bound_by(command, Signal::SIGINT) } else { command.spawn() };
    child.map_err(|source| Error::Run { program, source })
}

/// The readiness test of `pg_ctl`: no connection, no noise in the log.
fn wait_until_ready(home: &Home, child: &mut Child) -> Result<Server, Error> {
    let data = home.data();
    let ours = i64::from(child.id());
    let looked = tool::poll_until(STARTING, || {
        let found = pidfile::read(&data);
        if let Some((server, _)) = found.filter(|(it, ready)| *ready && i64::from(it.pid) == ours) {
            return Some(Ok(server));
        }
        let ended = child.try_wait().on("wait for the server of", &data).transpose()?;
        Some(ended.and_then(|status| Err(Error::Ended { status, log: log_end(home) })))
    });
    let waited_secs = STARTING.as_secs();
    looked.unwrap_or_else(|| Err(Error::NotReady { waited_secs, log: log_end(home) }))
}

/// Ends the server: fast first, then at once.
pub(crate) fn stop(child: &mut Child) -> std::io::Result<ExitStatus> {
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(std::io::Error::other)?);
    for (signal, patience) in [(Signal::SIGINT, STOPPING), (Signal::SIGQUIT, QUITTING)] {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        kill(pid, signal)?;
        if let Some(ended) = tool::poll_until(patience, || child.try_wait().transpose()) {
            return ended;
        }
        tracing::warn!("PostgreSQL did not end {} s after {signal}", patience.as_secs());
    }
    child.kill()?;
    child.wait()
}

/// The last lines of what the server said: on its way up, and in its own log if
/// it came that far.
fn log_end(home: &Home) -> String {
    let own = fs::read_dir(home.data().join("log")).into_iter().flatten().flatten();
    let newest = own.filter_map(|it| Some((it.metadata().ok()?.modified().ok()?, it.path()))).max();
    let paths = [Some(home.log()), newest.map(|(_, path)| path)];
    let texts = paths.into_iter().flatten().filter_map(|path| fs::read(path).ok());
    let ends = texts.map(|text| tool::last_lines(&String::from_utf8_lossy(&text), 15));
    ends.filter(|end| !end.is_empty()).collect::<Vec<_>>().join("\n")
}
