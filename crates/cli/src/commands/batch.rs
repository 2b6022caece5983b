//! `tenantry batch`: show, watch, cancel, retry, pause and resume batches.

use clap::Subcommand;
use contract::{Batch as BatchView, BatchError, BatchPage, FailureGroup, ItemResult, ResultPage};
use serde_json::value::to_raw_value;

use super::{API, batch_id::resolve, client, print, query, submit};
use crate::{
    args::Global,
    client::{Answer, Client},
    failure::Done,
    show,
};

/// Show, watch, cancel, retry, pause or resume batches. `last` is the newest batch.
#[derive(Debug, Subcommand)]
pub(crate) enum Batch {
    /// Show one batch
    #[command(visible_alias = "status")]
    Show {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// List batches, the newest first
    List {
        /// At most this many
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Continue where an earlier list ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show the result of each tenant
    Results {
        /// The id, its first characters, or `last`
        id: String,
        /// Only those with this status: succeeded, failed, …
        #[arg(long)]
        status: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Continue where an earlier list ended
        #[arg(long)]
        cursor: Option<String>,
        /// Show all of them; with --json as NDJSON
        #[arg(long, conflicts_with_all = ["limit", "cursor"])]
        all: bool,
    },
    /// Cancel the tenants that no worker has started
    Cancel {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Retry failed tenants that can succeed unchanged
    Retry {
        /// The id, its first characters, or `last`
        id: String,
        /// Only tenants that failed with this error code
        #[arg(long)]
        code: Option<String>,
        /// Only tenants that failed in this step
        #[arg(long)]
        step: Option<String>,
        /// Show progress until the batch ends
        #[arg(long)]
        watch: bool,
    },
    /// Pause a batch; work in progress finishes, and the deadline keeps running
    Pause {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Resume a paused batch
    Resume {
        /// The id, its first characters, or `last`
        id: String,
    },
    /// Show progress until the batch ends; Ctrl-C leaves it running
    Watch {
        /// The id, its first characters, or `last`
        id: String,
    },
}

impl Batch {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        match self {
            Self::Show { id } => {
                let id = resolve(&client, id).await?;
                one(global, &client.get(&format!("{API}/batches/{id}")).await?)
            }
            Self::List { limit, cursor } => list(global, &client, limit, cursor).await,
            Self::Results { id, status, all: true, .. } => {
                let id = resolve(&client, id).await?;
                all_results(global, &client, &id, status).await
            }
            Self::Results { id, status, limit, cursor, .. } => {
                let id = resolve(&client, id).await?;
                let limit = Some(limit.to_string());
                let query = query([("status", status), ("limit", limit), ("cursor", cursor)]);
                let path = format!("{API}/batches/{id}/results{query}");
                page_of_results(global, &id, &client.get(&path).await?)
            }
            Self::Cancel { id } => order(global, &client, id, "cancel").await,
            Self::Pause { id } => order(global, &client, id, "pause").await,
            Self::Resume { id } => order(global, &client, id, "resume").await,
            Self::Retry { id, code, step, watch } => {
                let id = resolve(&client, id).await?;
                let group = to_raw_value(&FailureGroup { code, step })?;
                let path = format!("{API}/batches/{id}/retry");
                let answer = client.post(&path, Some(&group), &[]).await?;
                if !watch {
                    return one(global, &answer);
                }
                let batch: BatchView = answer.parse()?;
                submit::follow(global, &client, &id, batch.progress.counts.total).await
            }
            Self::Watch { id } => {
                let id = resolve(&client, id).await?;
                let batch: BatchView = client.get(&format!("{API}/batches/{id}")).await?.parse()?;
                submit::follow(global, &client, &id, batch.progress.counts.total).await
            }
        }
    }
}

/// Has something done with a batch, and shows it as it is then.
async fn order(global: &Global, client: &Client, id: String, what: &str) -> anyhow::Result<Done> {
    let id = resolve(client, id).await?;
    one(global, &client.post(&format!("{API}/batches/{id}/{what}"), None, &[]).await?)
}

fn one(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |batch: BatchView| {
        show::batch_table(&batch).print();
        if let Some(waiting_for) = &batch.waiting_for {
            show::note(show::plain(&format!("waits: {}", waiting_for.message)));
        }
        if let Some(culprit) = &batch.error {
            show::note(show::plain(&rolled_back(culprit)));
        }
    })
}

/// The tenant whose failure rolled the batch back.
fn rolled_back(error: &BatchError) -> String {
    let because = format!("rolled back because of item {}", error.index);
    match (&error.code, &error.message) {
        (Some(code), Some(message)) => format!("{because}: {code}: {message}"),
        _ => because,
    }
}

async fn list(
    global: &Global,
    client: &Client,
    limit: u32,
    cursor: Option<String>,
) -> anyhow::Result<Done> {
    let query = query([("limit", Some(limit.to_string())), ("cursor", cursor)]);
    let answer = client.get(&format!("{API}/batches{query}")).await?;
    print(global, &answer, |page: BatchPage| {
        show::batches_table(&page.batches).print();
        if let Some(cursor) = page.next_cursor {
            show::note(format!("more: `tenantry batch list --cursor {cursor}`"));
        }
    })
}

fn page_of_results(global: &Global, id: &str, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |page: ResultPage| {
        show::items_table(&page.results).print();
        if let Some(cursor) = page.next_cursor {
            show::note(format!("more: `tenantry batch results {id} --cursor {cursor}`, or --all"));
        }
    })
}

async fn all_results(
    global: &Global,
    client: &Client,
    id: &str,
    status: Option<String>,
) -> anyhow::Result<Done> {
    if global.json {
        let path = format!("{API}/batches/{id}/results{}", query([("status", status)]));
        show::raw(&client.get_ndjson(&path).await?.text);
        return Ok(Done::Well);
    }
    show::items_table(&every_result(client, id, status).await?).print();
    Ok(Done::Well)
}

/// All results of a batch, page by page.
pub(super) async fn every_result(
    client: &Client,
    id: &str,
    status: Option<String>,
) -> anyhow::Result<Vec<ItemResult>> {
    let (mut items, mut cursor) = (Vec::new(), None);
    loop {
        let limit = Some("500".to_owned());
        let query = query([("status", status.clone()), ("limit", limit), ("cursor", cursor)]);
        let page: ResultPage =
            client.get(&format!("{API}/batches/{id}/results{query}")).await?.parse()?;
        items.extend(page.results);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(items);
        }
    }
}
