//! `tenantry rollout`: migrations in waves.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use contract::{MigrateParams, Promotion, Rollout as View, RolloutPage, Selection, Skip, Wave};
use domain::{Direction, Rollout as Plan};
use serde_json::json;

use super::{Page, client, migrate::shared, more, print, selected::Selected, watching};
use crate::{
    args::Global,
    client::{API, Client, query},
    failure::Done,
    show::{self, Table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Rollout {
    /// Show the waves of a rollout, their sizes and some of their tenants; change nothing
    Plan(Start),
    /// Migrate tenants in waves; without --yes as `plan`
    Start(Start),
    /// List rollouts, the newest first
    #[command(mut_arg("limit", |limit| limit.default_value("20")))]
    List(Page),
    /// Show a rollout and its waves
    Show(Id),
    /// Show progress until the rollout ends; Ctrl-C leaves it running
    Watch(Id),
    /// Let it go on: past a gate or a bake time, or on with a wave that halted
    Promote {
        #[command(flatten)]
        id: Id,
        /// Pass over the gates and bake times to come too; failures still halt it
        #[arg(long)]
        all: bool,
    },
    /// Pause a rollout; work in progress finishes
    Pause(Id),
    /// Resume a rollout that a person paused
    Resume(Id),
    /// Leave one tenant out: one that no worker has begun, or that failed
    Skip {
        #[command(flatten)]
        id: Id,
        /// The tenant's position in the operation, from 0
        index: u32,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Stop a rollout and show which tenants are where; nothing is undone
    Abort(Id),
}

#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The operation's id, its first characters, or `last`
    id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    selected: Selected,
    /// JSON file with `waves` and `halt`, see docs/ROLLOUTS.md [default: 1 tenant, 1 %, 10 %, the rest]
    #[arg(long, value_name = "FILE")]
    waves: Option<PathBuf>,
    /// Take migrations back instead
    #[arg(long)]
    down: bool,
    /// The version to go back to, which stays; `none`: before the first
    #[arg(long, value_name = "VERSION", requires = "down")]
    to: Option<String>,
    /// The hash of the set of migrations [default: that of the workers]
    #[arg(long, value_name = "HASH")]
    set: Option<String>,
    /// Migrate tenants too whose schema the last look found other than their migrations make it
    #[arg(long)]
    allow_drift: bool,
}

impl Rollout {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        match self {
            Self::Plan(start) => start.run(global, &client, true).await,
            Self::Start(start) => start.run(global, &client, false).await,
            Self::List(page) => list(global, &client, page).await,
            Self::Show(Id { id }) => {
                let id = client.operations().resolve(id).await?;
                shown(global, &client, &id).await
            }
            Self::Watch(Id { id }) => {
                let of = client.operations();
                let id = of.resolve(id).await?;
                watching::follow(global, of, &of.get(&id).await?.parse()?).await
            }
            Self::Promote { id: Id { id }, all } => {
                let id = client.operations().resolve(id).await?;
                let path = format!("{API}/operations/{id}/promote");
                client.send(&path, &Promotion { all }, &[]).await?;
                shown(global, &client, &id).await
            }
            Self::Pause(Id { id }) => act(global, &client, id, "pause").await,
            Self::Resume(Id { id }) => act(global, &client, id, "resume").await,
            Self::Abort(Id { id }) => act(global, &client, id, "cancel").await,
            Self::Skip { id: Id { id }, index, reason } => {
                let id = client.operations().resolve(id).await?;
                let path = format!("{API}/operations/{id}/items/{index}/skip");
                client.send(&path, &Skip { reason }, &[]).await?;
                shown(global, &client, &id).await
            }
        }
    }
}

impl Start {
    async fn run(self, global: &Global, client: &Client, only_look: bool) -> anyhow::Result<Done> {
        let rollout: Plan = match &self.waves {
            None => Plan::default(),
            Some(file) => {
                let text = fs::read(file).with_context(|| format!("read {}", file.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("read {}", file.display()))?
            }
        };
        let direction = if self.down { Direction::Down } else { Direction::Up };
        let first = async |only_look| match direction {
            Direction::Up => shared::first(global, only_look).await,
            Direction::Down => Ok(()),
        };
        let params =
            MigrateParams { direction, set: self.set, to: self.to, allow_drift: self.allow_drift };
        let policy = json!({ "rollout": rollout });
        match self.selected.roll_out(global, client, &params, policy, only_look, first).await? {
            Some(operation) => shown(global, client, &operation.operation_id.to_string()).await,
            None => Ok(Done::Well),
        }
    }
}

async fn act(global: &Global, client: &Client, id: String, what: &str) -> anyhow::Result<Done> {
    let of = client.operations();
    let id = of.resolve(id).await?;
    of.act(&id, what).await?;
    shown(global, client, &id).await
}

async fn shown(global: &Global, client: &Client, id: &str) -> anyhow::Result<Done> {
    let answer = client.get(&format!("{API}/rollouts/{id}")).await?;
    print(global, &answer, |it: View| {
        let mut table = Table::new(&[">wave", "tenants", "~status", "~progress"]);
        for wave in &it.waves {
            let cells = [wave.wave.to_string(), chosen(&wave.chosen), status(wave), progress(wave)];
            table.row(cells);
        }
        table.print();
        let waits: Vec<String> = it.pause_reasons.iter().map(ToString::to_string).collect();
        let waits = match waits.is_empty() {
            true => String::new(),
            false => format!(", waits: {}", waits.join(", ")),
        };
        show::note(format!("rollout {}: {}{waits}", it.operation_id, it.state));
        for group in &it.failures {
            let (tenants, code) = (group.tenants, &group.code);
            let step = group.step.as_deref().unwrap_or("no step");
            let message = group.message.as_deref().unwrap_or_default();
            show::note(show::plain(&format!("{tenants} failed, {code} in {step}: {message}")));
        }
    })
}

/// `5 %`, `the rest`, `tier=gold`, …
fn chosen(how: &serde_json::Value) -> String {
    match how.as_object().and_then(|it| it.iter().next()) {
        Some((name, _)) if name == "rest" => "the rest".to_owned(),
        Some((name, value)) => format!("{name} {value}"),
        None => String::new(),
    }
}

fn status(wave: &Wave) -> String {
    match wave.bake_until {
        Some(until) => format!("{} until {}", wave.state, until.to_rfc3339()),
        None => wave.state.to_string(),
    }
}

fn progress(wave: &Wave) -> String {
    let parts = [
        (wave.waiting, "waiting"),
        (wave.running, "running"),
        (wave.succeeded, "succeeded"),
        (wave.failed, "failed"),
        (wave.skipped, "skipped"),
        (wave.cancelled, "cancelled"),
    ];
    let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

async fn list(global: &Global, client: &Client, page: Page) -> anyhow::Result<Done> {
    let page = query(&page.parameters());
    let answer = client.get(&format!("{API}/rollouts{page}")).await?;
    print(global, &answer, |page: RolloutPage| {
        let mut table = Table::new(&["=operation", "~status", ">wave", ">tenants", "?=created"]);
        for it in &page.rollouts {
            table.row([
                it.operation_id.to_string(),
                it.state.to_string(),
                format!("{} of {}", it.wave, it.waves),
                it.total.to_string(),
                show::short_time(Some(it.created_at)),
            ]);
        }
        table.print();
        more(page.next_cursor, |cursor| format!("`tenantry rollout list --cursor {cursor}`"));
    })
}

/// The waves of a dry run.
pub(super) fn plan(selection: &Selection) {
    let waves = selection.waves.iter().flatten();
    let mut table = Table::new(&[">wave", "chosen", ">tenants", "the first"]);
    for wave in waves {
        let names: Vec<&str> = wave.sample.iter().map(|it| it.tenant_name.as_str()).collect();
        table.row([
            wave.wave.to_string(),
            chosen(&wave.chosen),
            wave.tenants.to_string(),
            names.join(", "),
        ]);
    }
    table.print();
    show::note(format!("{} tenants; nothing was done", selection.tenants));
}
