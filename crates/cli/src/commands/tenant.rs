//! `tenantry tenant`: look at tenants.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::value::RawValue;

use super::{API, client, connect::Connect, cursor_text, query};
use crate::{
    args::Global,
    client::{Answer, Tenants},
    failure::Done,
    show::{self, Table},
};

/// Look at tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// List tenants
    List {
        /// Which page, from 1
        #[arg(long, conflicts_with = "cursor")]
        page: Option<u32>,
        /// Tenants on a page
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier list ended
        #[arg(long)]
        cursor: Option<String>,
        /// Only those in this state: active, pending, …
        #[arg(long)]
        status: Option<String>,
        /// Only those whose name or domain begins with this
        #[arg(short, long, value_name = "TEXT")]
        q: Option<String>,
    },
    /// Show one tenant
    Show {
        /// Its id
        id: i64,
    },
    /// Show how one tenant's schema stands
    Status {
        /// Its id
        id: i64,
    },
    Connect(Connect),
}

impl Tenant {
    /// Does it.
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        match self {
            Self::Connect(connect) => connect.run(global).await,
            Self::List { page, limit, cursor, status, q } => {
                let query = query([
                    ("page", page.map(|page| page.to_string())),
                    ("limit", Some(limit.to_string())),
                    ("cursor", cursor),
                    ("status", status),
                    ("q", q),
                ]);
                list(global, &client(global)?.get(&format!("{API}/tenants{query}")).await?)
            }
            Self::Show { id } => one(global, &client(global)?.get(&format!("{API}/tenants/{id}")).await?),
            Self::Status { id } => {
                one(global, &client(global)?.get(&format!("{API}/tenants/{id}/status")).await?)
            }
        }
    }
}

fn list(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    if global.json {
        show::raw(&answer.text);
        return Ok(Done::Well);
    }
    let page: Tenants = answer.parse()?;
    let mut table = Table::new(&[">id", "tenant", "status", "domain", "schema", "created"]);
    for tenant in &page.tenants {
        table.row([
            tenant.tenant_id.to_string(),
            tenant.tenant_name.clone(),
            tenant.status.clone(),
            tenant.domain.clone().unwrap_or_default(),
            tenant.schema_name.clone().unwrap_or_default(),
            show::short_time(tenant.created_at),
        ]);
    }
    table.print();
    if let Some(total) = page.total {
        show::note(format!("{} of {total}", page.tenants.len()));
    }
    if let Some(cursor) = page.next_cursor.as_ref().and_then(cursor_text) {
        show::note(format!("more: --cursor {cursor}"));
    }
    Ok(Done::Well)
}

/// One thing, a line a field: a newer API's fields are shown, too.
fn one(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    if global.json {
        show::raw(&answer.text);
        return Ok(Done::Well);
    }
    let fields: BTreeMap<String, Box<RawValue>> = answer.parse()?;
    let mut table = Table::new(&["field", "value"]);
    for (name, value) in fields {
        // As text: a number keeps its digits, and nothing is too deep.
        let text = match value.get() {
            "null" => "–".to_owned(),
            other => serde_json::from_str(other).unwrap_or_else(|_| other.to_owned()),
        };
        table.row([name, text]);
    }
    table.print();
    Ok(Done::Well)
}
