//! The commands, one a file.

pub(crate) mod application_role;
pub(crate) mod audit;
pub(crate) mod config_check;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod drift;
mod find_tenant;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod item;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod operation;
mod page;
pub(crate) mod queue;
pub(crate) mod restore;
mod roll_master;
pub(crate) mod rollout;
mod selected;
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod submit;
pub(crate) mod tenant;
mod tenant_check;
mod tenant_deletion;
mod tenant_health;
mod tenant_keys;
mod tenant_update;
pub(crate) mod token;
mod watching;

use std::time::Duration;

use serde::de::DeserializeOwned;
use store::StageLimits;

use crate::{
    args::{Args, Command, Global},
    client::{Answer, Client},
    connection::{self, Target, with_database},
    failure::Done,
    show,
};
use page::{Page, more};

/// Longest time for a statement on tenants, and longest wait for work on them to end.
const LIMITS: StageLimits = StageLimits {
    statement: Duration::from_secs(30),
    lock: Duration::from_secs(30),
    silence: Duration::from_secs(30),
};

pub(crate) async fn run(args: Args) -> anyhow::Result<Done> {
    dispatch(args).await.map_err(connection::explained)
}

async fn dispatch(args: Args) -> anyhow::Result<Done> {
    let global = &args.global;
    config_check::use_file(global.config.clone());
    match args.command {
        Command::Demo(demo) => demo.run(global).await,
        Command::Dev(dev) => dev.run(global).await,
        Command::Submit(submit) => submit.run(global).await,
        Command::Import(import) => import.run(global).await,
        Command::Release(release) => release.run(global).await,
        Command::Batch(batch) => batch.run(global).await,
        Command::Operation(operation) => operation.run(global).await,
        Command::Item(item) => item.run(global).await,
        Command::Rollout(rollout) => rollout.run(global).await,
        Command::Queue(queue) => queue.run(global).await,
        Command::Keys(keys) => keys.run(global).await,
        Command::Tenant(tenant) => tenant.run(global).await,
        Command::Token(token) => token.run(global).await,
        Command::Migrate(migrate) => migrate.run(global).await,
        Command::Doctor(doctor) => with_database(global, async |db| doctor.run(db).await).await,
        Command::Drift(drift) => with_database(global, async |db| drift.run(db).await).await,
        Command::Findings(findings) => findings.run(global).await,
        Command::Audit(audit) => audit.run(global).await,
        Command::Restore(restore) => restore.run(global).await,
        Command::Config(config) => config.run(global),
        Command::Api(serve) => serve.api().await,
        Command::Worker(serve) => serve.worker().await,
        Command::Health(health) => health.run(global).await,
        Command::Completions(completions) => Ok(completions.run()),
        Command::Man(man) => man.run(),
    }
}

pub(crate) use migrate::shared::before_tenants;

fn client(global: &Global) -> anyhow::Result<Client> {
    Client::new(Target::find(global))
}

/// Prints an answer: as it came with `--json`, else as `show` shows it.
fn print<T: DeserializeOwned>(
    global: &Global,
    answer: &Answer,
    show: impl FnOnce(T),
) -> anyhow::Result<Done> {
    if global.json {
        show::raw(&answer.text);
    } else {
        show(answer.parse()?);
    }
    Ok(Done::Well)
}
