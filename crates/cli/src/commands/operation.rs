//! `tenantry operation` and `tenantry batch`: show, watch, cancel, retry, pause and resume operations; a
//! batch is one that makes tenants.

use clap::{Args, Subcommand};
use contract::{BatchError, FailureGroup, ItemPage, Operation as View, OperationPage};

use super::{Page, client, more, print, watching};
use crate::{
    args::Global,
    client::{Answer, Filters, Operations},
    failure::Done,
    show,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Batch {
    /// Show one batch
    #[command(visible_alias = "status")]
    Show(Id),
    /// List batches, the newest first
    #[command(mut_arg("limit", |limit| limit.default_value("20")))]
    List(Page),
    /// Show the result of each tenant
    Results(Items),
    /// Cancel the tenants that no worker has started
    Cancel(Id),
    /// Retry failed tenants that can succeed unchanged
    Retry(Retry),
    /// Pause a batch; work in progress finishes, and the deadline keeps running
    Pause(Id),
    /// Resume a paused batch
    Resume(Id),
    /// Show progress until the batch ends; Ctrl-C leaves it running
    Watch(Id),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Show one operation
    Show(Id),
    /// List operations, the newest first
    #[command(mut_arg("limit", |limit| limit.default_value("20")))]
    List {
        /// Only of this kind: provision, migrate
        #[arg(long)]
        kind: Option<String>,
        /// Only in this state: running, failed, …
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show what became of each tenant
    Items(Items),
    /// Cancel the tenants that no worker has started
    Cancel(Id),
    /// Retry failed tenants
    Retry(Retry),
    /// Pause an operation; work in progress finishes
    Pause(Id),
    /// Resume a paused operation
    Resume(Id),
    /// Show progress until the operation ends; Ctrl-C leaves it running
    Watch(Id),
}

#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The id, its first characters, or `last`
    id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Items {
    /// The id, its first characters, or `last`
    id: String,
    /// Only those with this status: succeeded, failed, …
    #[arg(long)]
    status: Option<String>,
    /// Only those that failed with this error code
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    page: Page,
    /// Show all of them; with --json as NDJSON
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The id, its first characters, or `last`
    id: String,
    /// Only tenants that failed with this error code
    #[arg(long)]
    code: Option<String>,
    /// Only tenants that failed in this step
    #[arg(long)]
    step: Option<String>,
    /// Show progress until it ends
    #[arg(long)]
    watch: bool,
}

impl Batch {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let batches = client.batches();
        match self {
            Self::Show(id) => shown(global, batches, id).await,
            Self::List(page) => list(global, batches, page, &[]).await,
            Self::Results(items) => self::items(global, batches, items).await,
            Self::Cancel(id) => order(global, batches, id, "cancel").await,
            Self::Retry(retry) => self::retry(global, batches, retry).await,
            Self::Pause(id) => order(global, batches, id, "pause").await,
            Self::Resume(id) => order(global, batches, id, "resume").await,
            Self::Watch(id) => watch(global, batches, id).await,
        }
    }
}

impl Operation {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let operations = client.operations();
        match self {
            Self::Show(id) => shown(global, operations, id).await,
            Self::List { kind, state, page } => {
                list(global, operations, page, &[("kind", kind), ("state", state)]).await
            }
            Self::Items(items) => self::items(global, operations, items).await,
            Self::Cancel(id) => order(global, operations, id, "cancel").await,
            Self::Retry(retry) => self::retry(global, operations, retry).await,
            Self::Pause(id) => order(global, operations, id, "pause").await,
            Self::Resume(id) => order(global, operations, id, "resume").await,
            Self::Watch(id) => watch(global, operations, id).await,
        }
    }
}

async fn shown(global: &Global, of: Operations<'_>, Id { id }: Id) -> anyhow::Result<Done> {
    let id = of.resolve(id).await?;
    one(global, of, &of.get(&id).await?)
}

/// Has something done with it, and shows it as it is then.
async fn order(
    global: &Global,
    of: Operations<'_>,
    Id { id }: Id,
    what: &str,
) -> anyhow::Result<Done> {
    let id = of.resolve(id).await?;
    one(global, of, &of.act(&id, what).await?)
}

async fn retry(
    global: &Global,
    of: Operations<'_>,
    Retry { id, code, step, watch }: Retry,
) -> anyhow::Result<Done> {
    let id = of.resolve(id).await?;
    let answer = of.retry(&id, &FailureGroup { code, step }).await?;
    if watch {
        return watching::follow(global, of, &answer.parse()?).await;
    }
    one(global, of, &answer)
}

async fn watch(global: &Global, of: Operations<'_>, Id { id }: Id) -> anyhow::Result<Done> {
    let id = of.resolve(id).await?;
    watching::follow(global, of, &of.get(&id).await?.parse()?).await
}

fn one(global: &Global, of: Operations<'_>, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |View { operation_id, kind, status, .. }: View| {
        show::operation_table(of.under, operation_id, &kind, &status).print();
        show::waits(status.waiting_for.as_ref());
        if let Some(culprit) = &status.error {
            show::note(show::plain(&rolled_back(culprit)));
        }
    })
}

fn rolled_back(error: &BatchError) -> String {
    let because = format!("rolled back because of item {}", error.index);
    match (&error.code, &error.message) {
        (Some(code), Some(message)) => format!("{because}: {code}: {message}"),
        _ => because,
    }
}

async fn list(
    global: &Global,
    of: Operations<'_>,
    page: Page,
    fit: Filters<'_>,
) -> anyhow::Result<Done> {
    let answer = of.list(&[fit, &page.parameters()].concat()).await?;
    print(global, &answer, |page: OperationPage| {
        show::operations_table(of.under, &page.operations).print();
        let noun = of.under.noun();
        more(page.next_cursor, |cursor| format!("`tenantry {noun} list --cursor {cursor}`"));
    })
}

async fn items(
    global: &Global,
    of: Operations<'_>,
    Items { id, status, code, page, all }: Items,
) -> anyhow::Result<Done> {
    let id = of.resolve(id).await?;
    let fit = [("status", status), ("code", code)];
    if all && global.json {
        of.print_items(&id, &fit).await?;
        return Ok(Done::Well);
    }
    if all {
        show::items_table(&of.every_item(&id, &fit).await?).print();
        return Ok(Done::Well);
    }
    let answer = of.items(&id, &[fit, page.parameters()].concat()).await?;
    print(global, &answer, |page: ItemPage| {
        show::items_table(&page.items).print();
        let list = format!("tenantry {} {} {id}", of.under.noun(), of.under.items());
        more(page.next_cursor, |cursor| format!("`{list} --cursor {cursor}`, or --all"));
    })
}
