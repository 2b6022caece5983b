//! API and worker as processes of their own: this binary, started again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use settings::{Profile, Settings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cpu;

/// Longest a process may take to answer, in seconds.
const START_SECS: u64 = 60;

pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
}

impl Process {
    /// Starts this binary in `role` with `env`, and waits until it answers.
    pub(crate) async fn start(
        role: &str,
        folder: &Path,
        name: &str,
        env: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let ready: PathBuf = folder.join(format!("{name}.json"));
        let log = fs::File::create(folder.join(format!("{name}.log")))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--be", role, "--ready-file"])
            .arg(&ready)
            .envs(env.iter().map(|(key, value)| (key, value)))
            .stdout(Stdio::null())
            .stderr(log);
        let child = localpg::spawn_bound(command).context("could not start a process")?;
        let deadline = Instant::now() + Duration::from_secs(START_SECS);
        while !ready.exists() {
            if Instant::now() > deadline {
                bail!("{name} did not answer in {START_SECS} s");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let ready: serde_json::Value = serde_json::from_slice(&fs::read(&ready)?)?;
        let url = ready["url"].as_str().context("no url in the ready file")?.to_owned();
        Ok(Self { child, url })
    }

    /// Processor time of the process so far, in milliseconds, where the system tells.
    pub(crate) fn cpu_ms(&self) -> Option<f64> {
        cpu::process_ms(self.child.id())
    }

    /// The largest memory the process has had, in MiB, where the system tells.
    pub(crate) fn peak_memory_mib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
        Some(kib / 1024.0)
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let ended = self.child.wait()?;
        if !ended.success() {
            bail!("a process ended with {ended}");
        }
        Ok(())
    }
}

/// Runs one of the servers until a signal, and says in the file when it answers.
pub(crate) async fn be<R, E>(
    run: impl FnOnce(Settings, TcpListener, CancellationToken) -> R,
    ready_file: &Path,
) -> anyhow::Result<bool>
where
    R: Future<Output = Result<(), E>>,
    E: Into<anyhow::Error>,
{
    let settings = Settings::load_with(Profile::Production, None)?;
    telemetry::init(&settings.log)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    telemetry::cancel_on_signal(stop.clone())?;
    let serving = run(settings, listener, stop.clone());
    let (served, announced) = telemetry::announced(serving, Some(ready_file), address, &stop).await;
    served.map_err(Into::into)?;
    announced?;
    Ok(true)
}
