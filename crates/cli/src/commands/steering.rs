//! What `tenantry batch` and `tenantry operation` have in common.

use clap::Args;
use contract::{BatchError, FailureGroup, ItemPage, ItemResult, Operation as View, OperationPage};
use serde_json::value::to_raw_value;

use super::{batch_id::resolve, print, query, submit, under::Under};
use crate::{
    args::Global,
    client::{Answer, Client},
    failure::Done,
    show,
};

/// Which items, and how many.
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
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Continue where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Show all of them; with --json as NDJSON
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    all: bool,
}

/// Which failures run again.
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

/// Shows one.
pub(super) async fn shown(
    global: &Global,
    client: &Client,
    under: Under,
    id: String,
) -> anyhow::Result<Done> {
    let id = resolve(client, under, id).await?;
    one(global, under, &client.get(&under.one(&id)).await?)
}

/// Has something done with it, and shows it as it is then.
pub(super) async fn order(
    global: &Global,
    client: &Client,
    under: Under,
    id: String,
    what: &str,
) -> anyhow::Result<Done> {
    let id = resolve(client, under, id).await?;
    let path = format!("{}/{what}", under.one(&id));
    one(global, under, &client.post(&path, None, &[]).await?)
}

/// Runs failed tenants again, and follows them if asked to.
pub(super) async fn retry(
    global: &Global,
    client: &Client,
    under: Under,
    Retry { id, code, step, watch }: Retry,
) -> anyhow::Result<Done> {
    let id = resolve(client, under, id).await?;
    let group = to_raw_value(&FailureGroup { code, step })?;
    let path = format!("{}/retry", under.one(&id));
    let answer = client.post(&path, Some(&group), &[]).await?;
    if !watch {
        return one(global, under, &answer);
    }
    let view: View = answer.parse()?;
    submit::follow(global, client, under, &id, view.progress.counts.total).await
}

/// Follows it to its end.
pub(super) async fn watch(
    global: &Global,
    client: &Client,
    under: Under,
    id: String,
) -> anyhow::Result<Done> {
    let id = resolve(client, under, id).await?;
    let view: View = client.get(&under.one(&id)).await?.parse()?;
    submit::follow(global, client, under, &id, view.progress.counts.total).await
}

fn one(global: &Global, under: Under, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |view: View| {
        match under {
            Under::Batches => show::batch_table(&view).print(),
            Under::Operations => show::operation_table(&view).print(),
        }
        if let Some(waiting_for) = &view.waiting_for {
            show::note(show::plain(&format!("waits: {}", waiting_for.message)));
        }
        if let Some(culprit) = &view.error {
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

/// Lists them, with these filters.
pub(super) async fn list<const N: usize>(
    global: &Global,
    client: &Client,
    under: Under,
    filters: [(&'static str, Option<String>); N],
) -> anyhow::Result<Done> {
    let answer = client.get(&format!("{}{}", under.list(), query(filters))).await?;
    print(global, &answer, |page: OperationPage| {
        match under {
            Under::Batches => show::batches_table(&page.operations).print(),
            Under::Operations => show::operations_table(&page.operations).print(),
        }
        if let Some(cursor) = page.next_cursor {
            show::note(format!("more: `tenantry {} list --cursor {cursor}`", under.noun()));
        }
    })
}

/// Shows what became of its tenants.
pub(super) async fn items(
    global: &Global,
    client: &Client,
    under: Under,
    Items { id, status, code, limit, cursor, all }: Items,
) -> anyhow::Result<Done> {
    let id = resolve(client, under, id).await?;
    let path = under.items(&id);
    if all && global.json {
        let path = format!("{path}{}", query([("status", status), ("code", code)]));
        show::raw(&client.get_ndjson(&path).await?.text);
        return Ok(Done::Well);
    }
    if all {
        show::items_table(&every_item(client, under, &id, status, code).await?).print();
        return Ok(Done::Well);
    }
    let limit = Some(limit.to_string());
    let query = query([("status", status), ("code", code), ("limit", limit), ("cursor", cursor)]);
    print(global, &client.get(&format!("{path}{query}")).await?, |page: ItemPage| {
        show::items_table(&page.items).print();
        if let Some(cursor) = page.next_cursor {
            let (noun, word) = (under.noun(), under.items_word());
            show::note(format!("more: `tenantry {noun} {word} {id} --cursor {cursor}`, or --all"));
        }
    })
}

/// All items, page by page.
pub(super) async fn every_item(
    client: &Client,
    under: Under,
    id: &str,
    status: Option<String>,
    code: Option<String>,
) -> anyhow::Result<Vec<ItemResult>> {
    let (mut items, mut cursor) = (Vec::new(), None);
    loop {
        let limit = Some("500".to_owned());
        let query = query([
            ("status", status.clone()),
            ("code", code.clone()),
            ("limit", limit),
            ("cursor", cursor),
        ]);
        let page: ItemPage = client.get(&format!("{}{query}", under.items(id))).await?.parse()?;
        items.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(items);
        }
    }
}
