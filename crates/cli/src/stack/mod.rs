//! The whole of Tenantry on this machine: PostgreSQL, the API and workers, bound to our life.
//!
//! PostgreSQL is the one that `DATABASE_URL` names, else a private cluster in the data directory.
//! The API and the workers are this very binary again, as child processes: what runs here is what
//! runs in production, and a worker can be killed without harm. Below the data directory:
//!
//! ```text
//! pg/          the private cluster        log/         what API and workers log
//! master.key   opens sealed API keys      ready.json   url and token, while all of it runs
//! ```

mod child;
mod data_dir;
pub(crate) mod install;
mod lock_watch;
mod postgres;
mod prepare;
pub(crate) mod ready;
mod signals;
mod supervisor;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use settings::{Settings, Source};

pub(crate) use data_dir::DataDir;
pub(crate) use ready::Ready;
pub(crate) use signals::Signals;

use crate::{commands::config_check, connection::READY_FILE, failure::Failure, show};
use child::{Kind, Spec};
use postgres::Postgres;
use prepare::DevToken;
use supervisor::Supervisor;

/// The variable that names one more file of settings, as `--config` does.
const CONFIG_FILE: &str = "TENANTRY_CONFIG_FILE";

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Port of the API; 0 = a free one.
    pub(crate) port: u16,
    pub(crate) workers: usize,
    /// Where else to write what `ready.json` says.
    pub(crate) ready_file: Option<PathBuf>,
    /// Whether npm may fetch PostgreSQL if it is not installed.
    pub(crate) fetch: bool,
}

#[derive(Debug)]
pub(crate) struct Stack {
    /// How to call it and how to join it.
    pub(crate) ready: Ready,
    supervisor: Supervisor,
    token: DevToken,
    postgres: Postgres,
    data_dir: DataDir,
}

/// Told of each part that runs, with the time it took.
pub(crate) type Told<'a> = &'a dyn Fn(&str, Duration);

impl Stack {
    /// Starts everything in order and comes back once all of it answers.
    ///
    /// Dropping the future, or the stack, ends what was started.
    pub(crate) async fn start(
        settings: &Settings,
        data_dir: DataDir,
        plan: &Plan,
        told: Told<'_>,
    ) -> anyhow::Result<Self> {
        refuse_taken_port(plan.port)?;
        let began = Instant::now();
        let postgres = Postgres::find_or_start(settings, &data_dir, plan.fetch).await?;
        told(&postgres.describe(), began.elapsed());

        let began = Instant::now();
        let master_key = data_dir.master_key(settings)?;
        let token = prepare::database(postgres.url(), settings).await?;
        told("schema, queue and roles are in place", began.elapsed());

        let began = Instant::now();
        let env = shared_env(settings, postgres.url(), master_key.expose_secret())?;
        let mut supervisor = Supervisor::new(settings.worker.drain_timeout_ms);
        let api = Spec::new(Kind::Api { port: plan.port }, &data_dir, "api", &env);
        let url = supervisor.start(api).await?;
        for number in 1..=plan.workers {
            let worker = Spec::new(Kind::Worker, &data_dir, &format!("worker-{number}"), &env);
            supervisor.start(worker).await?;
        }
        told(&format!("API at {url}, {}", show::workers(plan.workers)), began.elapsed());

        let ready = Ready {
            url,
            token: token.secret().to_owned(),
            database_url: postgres.url().to_owned(),
            pid: std::process::id(),
            env,
        };
        ready.write(&data_dir.path().join(READY_FILE))?;
        if let Some(file) = &plan.ready_file {
            ready.write(file)?;
        }
        Ok(Self { ready, supervisor, token, postgres, data_dir })
    }

    /// Keeps PostgreSQL and the children alive; never ends by itself.
    pub(crate) async fn watch(&mut self) {
        tokio::join!(self.supervisor.watch(), self.postgres.watch());
    }

    /// Stops workers, API and PostgreSQL, in this order, each in its own time.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let ready_file = self.data_dir.path().join(READY_FILE);
        if let Err(e) = std::fs::remove_file(&ready_file) {
            show::note(format!("could not remove {}: {e}", ready_file.display()));
        }
        self.supervisor.stop().await;
        let revoked = self.token.revoke().await;
        self.postgres.stop().await?;
        revoked.context("could not revoke the token of this run")
    }

    pub(crate) fn kill(&mut self) {
        self.supervisor.kill();
    }

    pub(crate) fn last_log_lines(&self, count: usize) -> Vec<(String, String)> {
        self.supervisor.last_log_lines(count)
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.data_dir.log_dir()
    }
}

/// What an API or worker needs to belong to this system: the database, the master key, and every
/// setting that came from our own environment.
fn shared_env(
    settings: &Settings,
    database_url: &str,
    master_key: &str,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut env = BTreeMap::new();
    let named = settings.describe().iter().filter_map(|entry| match &entry.source {
        Source::Environment(name) => Some(name.as_str()),
        _ => None,
    });
    for name in named.chain(["TENANTRY_CONFIG_DIR", CONFIG_FILE]) {
        if let Ok(value) = std::env::var(name) {
            env.insert(name.to_owned(), absolute_if_path(name, value)?);
        }
    }
    if let Some(file) = config_check::config_file() {
        let file = file.to_str().ok_or_else(|| Failure::usage("--config is not UTF-8"))?;
        env.insert(CONFIG_FILE.to_owned(), absolute_if_path(CONFIG_FILE, file.to_owned())?);
    }
    if settings.database.url_file.is_none() {
        env.insert("DATABASE_URL".to_owned(), database_url.to_owned());
    }
    env.insert("TENANTRY_MASTER_KEY".to_owned(), master_key.to_owned());
    env.insert("TENANTRY_PROFILE".to_owned(), settings.profile().as_str().to_owned());
    Ok(env)
}

/// A worker that joins may be started elsewhere: a path must be named from the root.
fn absolute_if_path(name: &str, value: String) -> anyhow::Result<String> {
    if !name.ends_with("_DIR") && !name.ends_with("_FILE") {
        return Ok(value);
    }
    let path = std::path::absolute(&value).with_context(|| format!("{name} is not a path"))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| Failure::usage(format!("{name} is not UTF-8")).into())
}

/// Found out now, a taken port costs nothing.
fn refuse_taken_port(port: u16) -> anyhow::Result<()> {
    if port != 0 && std::net::TcpListener::bind(("127.0.0.1", port)).is_err() {
        return Err(Failure::new(format!("port {port} is in use"))
            .advise("pass --port 0 for a free one, or stop what listens there")
            .into());
    }
    Ok(())
}
