//! One child process: this binary again, as the API or as a worker.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::{
        fs::OpenOptionsExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::PathBuf,
    process::{Child as Process, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    DataDir,
    ready::{self, ProcessReady},
};
use crate::failure::Failure;

/// How long a child gets until it answers.
const STARTING: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Lines of its log that are shown when it ends too early.
const SHOWN_LINES: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Serves the API on this port; 0 = a free one.
    Api {
        port: u16,
    },
    Worker,
}

/// How to start a child, and to start it again.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) log: PathBuf,
    ready_file: PathBuf,
    env: BTreeMap<String, String>,
}

impl Spec {
    pub(super) fn new(
        kind: Kind,
        data_dir: &DataDir,
        name: &str,
        env: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            log: data_dir.log_dir().join(format!("{name}.log")),
            ready_file: data_dir.path().join("run").join(format!("{name}.json")),
            env: env.clone(),
        }
    }

    /// Starts it; it may not answer yet.
    pub(super) fn spawn(&self) -> anyhow::Result<Child> {
        self.spawn_process().map(Child).with_context(|| format!("could not start {}", self.name))
    }

    fn spawn_process(&self) -> io::Result<Process> {
        match fs::remove_file(&self.ready_file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // It names tenants and callers: the directory above it is open to other users.
        let log = File::options().create(true).append(true).mode(0o600).open(&self.log)?;
        let mut command = Command::new(std::env::current_exe()?);
        match self.kind {
            Kind::Api { port } => command.args(["api", "--port", &port.to_string()]),
            Kind::Worker => command.args(["worker", "--port", "0"]),
        };
        command
            .args(["--host", "127.0.0.1", "--ready-file"])
            .arg(&self.ready_file)
            .envs(&self.env)
            // Ctrl-C in the terminal is for us; children are stopped in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        localpg::spawn_bound(command)
    }

    /// Where the child answers, once it does.
    pub(super) async fn answers(&self, child: &mut Child) -> anyhow::Result<String> {
        let began = Instant::now();
        loop {
            if let Ok(ProcessReady { url }) = ready::read(&self.ready_file) {
                return Ok(url);
            }
            if let Some(status) = child.ended() {
                let failure = format!("{} did not start ({})", self.name, how(status));
                return Err(self.with_log(&failure).into());
            }
            if began.elapsed() > STARTING {
                let failure =
                    format!("{} does not answer after {} s", self.name, STARTING.as_secs());
                return Err(self.with_log(&failure).into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) fn last_lines(&self, count: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    fn with_log(&self, failure: &str) -> Failure {
        Failure::new(format!("{failure}; its log ends with:\n{}", self.last_lines(SHOWN_LINES)))
            .advise(format!("read the rest in {}", self.log.display()))
    }
}

/// A running child. It ends with this value, if it has not ended before.
#[derive(Debug)]
pub(super) struct Child(Process);

impl Child {
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        // An error says that somebody else has waited for it: then it has ended, too.
        self.0.try_wait().unwrap_or(Some(ExitStatus::from_raw(0)))
    }

    /// Asks it to finish what it has begun and end.
    pub(super) fn ask_to_stop(&self) {
        let Ok(pid) = i32::try_from(self.0.id()) else { return };
        if let Err(e) = kill(Pid::from_raw(pid), Signal::SIGTERM) {
            tracing::debug!("could not send SIGTERM to {pid}: {e}");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Err(e) = self.0.kill().and_then(|()| self.0.wait()) {
            tracing::debug!("could not wait for a child: {e}");
        }
    }
}

/// `exit code 1`, `signal 9`.
pub(super) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "for an unknown reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ends_with_its_value() {
        let process = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap());

        drop(Child(process));

        assert_eq!(kill(pid, None), Err(nix::errno::Errno::ESRCH));
    }

    #[test]
    fn says_how_a_child_ended() {
        let killed = Command::new("sh").args(["-c", "kill -9 $$"]).status().unwrap();
        let failed = Command::new("sh").args(["-c", "exit 3"]).status().unwrap();

        assert_eq!((how(killed), how(failed)), ("signal 9".to_owned(), "exit code 3".to_owned()));
    }
}
