//! `tenantry audit list`: who changed what.

use chrono::{DateTime, Utc};
use clap::Args;
use contract::AuditPage;

use crate::{
    args::Global,
    client::{API, Client, NDJSON, query},
    commands::{client, find_tenant, more, print},
    failure::{Done, Failure},
    show,
};

/// Entries that a table of all reads at a time: the API's largest page.
const PAGE: u32 = 1000;

/// List the audit log, newest first
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this tenant: its id, domain, schema name, or your own (external) id for it
    #[arg(long)]
    tenant: Option<String>,
    /// Only of this operation: the id, its first characters, or `last`
    #[arg(long)]
    operation: Option<String>,
    /// Only of this actor: operator:ci, cli:root, sweeper, …
    #[arg(long)]
    actor: Option<String>,
    /// Only this action: operation.submitted, keys.revealed, …
    #[arg(long)]
    action: Option<String>,
    /// Only what was done on behalf of this one
    #[arg(long = "for", value_name = "WHOM")]
    on_behalf_of: Option<String>,
    /// Only from this time on, as in 2027-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<DateTime<Utc>>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// At most this many [default: 50; with --csv all]
    #[arg(long)]
    limit: Option<u32>,
    /// Continue where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Show all of them; with --json as NDJSON
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    all: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

impl List {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        if self.csv && global.json {
            return Err(Failure::usage("--csv and --json cannot be used together").into());
        }
        let client = client(global)?;
        let filters = self.filters(&client).await?;
        let path = |limit: Option<u32>, cursor: Option<String>| {
            let page = [("limit", limit.map(|it| it.to_string())), ("cursor", cursor)];
            format!("{API}/audit{}", query(&[&filters[..], &page].concat()))
        };
        if self.csv {
            client.print(&path(self.limit, self.cursor), "text/csv").await?;
        } else if self.all && global.json {
            client.print(&path(None, None), NDJSON).await?;
        } else if self.all {
            let (mut entries, mut cursor) = (Vec::new(), None);
            loop {
                let page: AuditPage = client.get(&path(Some(PAGE), cursor)).await?.parse()?;
                entries.extend(page.entries);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            show::audit_table(&entries).print();
        } else {
            let answer = client.get(&path(self.limit.or(Some(50)), self.cursor)).await?;
            return print(global, &answer, |page: AuditPage| {
                show::audit_table(&page.entries).print();
                more(page.next_cursor, |cursor| format!("--cursor {cursor}, or --all"));
            });
        }
        Ok(Done::Well)
    }

    /// The filters as the API has them.
    async fn filters(
        &self,
        client: &Client,
    ) -> anyhow::Result<[(&'static str, Option<String>); 7]> {
        let tenant = match &self.tenant {
            Some(text) => Some(find_tenant::resolve(client, text).await?.to_string()),
            None => None,
        };
        let operation = match &self.operation {
            Some(text) => Some(client.operations().resolve(text.clone()).await?),
            None => None,
        };
        Ok([
            ("tenant_id", tenant),
            ("operation_id", operation),
            ("actor", self.actor.clone()),
            ("action", self.action.clone()),
            ("on_behalf_of", self.on_behalf_of.clone()),
            ("since", self.since.map(rfc3339)),
            ("until", self.until.map(rfc3339)),
        ])
    }
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
