//! `tenantry findings`: what workers found to be wrong.

use clap::Args;
use contract::FindingPage;

use super::{Page, client, find_tenant, more, print};
use crate::{
    args::Global,
    client::{API, query},
    failure::Done,
    show::{self, Table},
};

/// List what workers found to be wrong when they last looked, newest first
#[derive(Debug, Args)]
pub(crate) struct Findings {
    /// Only what is this tenant's: its id, domain, schema name, or your own (external) id for it
    #[arg(long)]
    tenant: Option<String>,
    /// Only this kind: shape_differs, tenant_without_schema, …
    #[arg(long)]
    kind: Option<String>,
    /// List what is no longer so
    #[arg(long)]
    closed: bool,
    #[command(flatten)]
    page: Page,
}

impl Findings {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let tenant = match &self.tenant {
            Some(text) => Some(find_tenant::resolve(&client, text).await?.to_string()),
            None => None,
        };
        let closed = self.closed.then(|| "true".to_owned());
        let [limit, cursor] = self.page.parameters();
        let query =
            query(&[("tenant_id", tenant), ("kind", self.kind), ("closed", closed), limit, cursor]);
        let answer = client.get(&format!("{API}/findings{query}")).await?;
        print(global, &answer, tell)
    }
}

fn tell(page: FindingPage) {
    if page.findings.is_empty() {
        return show::note("no findings; `tenantry doctor` looks at everything now");
    }
    let mut table =
        Table::new(&["=kind", "=about", "~what is wrong", "=first seen", "=last seen", "?=closed"]);
    for it in &page.findings {
        table.row([
            it.kind.clone(),
            format!("{} {}", it.subject.of, it.subject.id),
            it.message.clone(),
            show::short_time(Some(it.first_seen)),
            show::short_time(Some(it.last_seen)),
            show::short_time(it.closed_at),
        ]);
    }
    table.print();
    more(page.next_cursor, |cursor| format!("--cursor {cursor}"));
}
