//! A program of ours as a child process: where it answers, what it logs, how it ends.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{binary, eventually};

/// How long a program may take until it answers: debug builds on a busy machine.
const STARTS_IN: Duration = Duration::from_secs(60);

/// Lines of a log that are shown when a story fails.
const SHOWN_LINES: usize = 15;

/// Characters of such a line that are shown.
const SHOWN_CHARACTERS: usize = 400;

/// What of our own environment every program may see: where PostgreSQL and a home are.
const INHERITED: &[&str] = &["PATH", "HOME", "TMPDIR", "LANG", "PG_BIN", "XDG_CACHE_HOME"];

/// All the environment a program gets.
pub(crate) type Environment = BTreeMap<String, String>;

/// A running program of ours. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    /// Where it answers.
    pub(crate) url: String,
    name: String,
    log: PathBuf,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `program` as `name` and waits until it answers.
    pub(crate) async fn start(
        program: &str,
        args: &[&str],
        name: &str,
        dir: &Path,
        env: &Environment,
    ) -> Self {
        let ready = dir.join(format!("{name}.ready.json"));
        let ready_text = ready.to_str().expect("the path is UTF-8").to_owned();
        let mut args = args.to_vec();
        args.extend(["--ready-file", &ready_text]);
        let mut process = Self::spawn(program, &args, name, dir, env);
        process.url = process.until_ready(&ready).await["url"].as_str().unwrap().to_owned();
        process
    }

    /// Starts `program` as `name`; whether it answers is for the caller to find out.
    pub(crate) fn spawn(
        program: &str,
        args: &[&str],
        name: &str,
        dir: &Path,
        env: &Environment,
    ) -> Self {
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).expect("the story's directory takes files");
        let mut command = Command::new(binary(program));
        command.args(args).env_clear().envs(inherited()).envs(env).current_dir(dir);
        command.stdin(Stdio::null()).stderr(file.try_clone().unwrap()).stdout(file);
        let child = localpg::spawn_bound(command).expect("a program of ours starts");
        Self { url: String::new(), name: name.to_owned(), log, child, ended: None }
    }

    /// What the program writes to its ready file.
    pub(crate) async fn until_ready(&mut self, file: &Path) -> Value {
        let what = format!("{} to be ready", self.name);
        eventually(&what, STARTS_IN, async || {
            let ended = self.has_ended();
            assert!(ended.is_none(), "{} ended with {ended:?}:\n{}", self.name, self.log());
            serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
        })
        .await
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Sends a signal to this process, and to no other.
    pub(crate) fn signal(&self, signal: Signal) {
        assert!(self.ended.is_none(), "{} has ended: its id may be another's by now", self.name);
        kill(Pid::from_raw(self.pid()), signal).expect("our own child takes a signal");
    }

    /// How it ended, within `at_most`.
    pub(crate) async fn end(&mut self, at_most: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        eventually(&what, at_most, async || self.has_ended()).await
    }

    /// SIGTERM, and how it ended, within `at_most`.
    pub(crate) async fn terminate(&mut self, at_most: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.end(at_most).await
    }

    /// SIGKILL: it ends wherever it is.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        let status = self.end(Duration::from_secs(10)).await;
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
    }

    /// All it has written, to standard output and error.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("our own child can be waited for");
        }
        self.ended
    }

    fn show_log(&self) {
        let log = self.log();
        // Not the requests that were answered well: waiting for a batch makes many.
        let lines: Vec<_> = log.lines().filter(|line| !line.contains("answered 2")).collect();
        eprintln!("--- {} wrote last:", self.name);
        for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
            eprintln!("{}", line.chars().take(SHOWN_CHARACTERS).collect::<String>());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_log();
        }
        if self.has_ended().is_none() {
            self.child.kill().expect("our own child can be killed");
            self.child.wait().expect("our own child can be waited for");
        }
    }
}

/// What became of a program that was run to its end.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Ran {
    /// What it wrote as JSON.
    ///
    /// # Panics
    /// If that is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON: {e}: {self:?}"))
    }
}

/// Runs `program` in `dir` to its end, at most `at_most`.
pub(crate) async fn run(
    program: &str,
    args: &[&str],
    dir: &Path,
    env: &Environment,
    at_most: Duration,
) -> Ran {
    let mut command = tokio::process::Command::new(binary(program));
    command.args(args).env_clear().envs(inherited()).envs(env).current_dir(dir);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let what = format!("{program} {args:?} to end");
    let output = super::within(&what, at_most, command.output()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs the doctor on everything, once the queue has heard of the last items' ends: it hears of them a
/// moment later.
pub(crate) async fn examine(dir: &Path, env: &Environment) -> Ran {
    let at_most = Duration::from_secs(60);
    eventually("the queue to hear of the last items' ends", at_most, async || {
        let args = ["doctor", "--all-tenants", "--grace", "0"];
        let doctor = run("tenantry", &args, dir, env, at_most).await;
        (!doctor.out.contains("job_without_item")).then_some(doctor)
    })
    .await
}

fn inherited() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)))
}
