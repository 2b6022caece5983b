//! `tenantry tenant`: list, show, check, change, suspend, resume and delete tenants; their API keys, and the history of
//! one.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use domain::{Kind, Suspend};
use serde_json::json;

use super::{
    Page, application_role::ApplicationRole, client, connect::Connect, find_tenant::Named, more,
    print, selected::Tenants, tenant_check::Check, tenant_deletion::Deletion,
    tenant_keys::TenantKeys, tenant_update::TenantUpdate,
};
use crate::{
    args::Global,
    client::{API, Answer, Fields, query},
    connection::with_database,
    failure::Done,
    show::{self, DASH, Record, Table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// List tenants
    #[command(mut_arg("limit", |limit| limit.help("Tenants per page")))]
    List {
        /// Page number, from 1
        #[arg(long, conflicts_with = "cursor")]
        page: Option<u32>,
        #[command(flatten)]
        part: Page,
        /// Only those with this status: active, pending, …
        #[arg(long)]
        status: Option<String>,
        /// Only those with a name or domain that begins with this
        #[arg(short, long, value_name = "TEXT")]
        q: Option<String>,
    },
    /// Show one tenant
    Show(Named),
    /// Show the state of one tenant's schema
    Status(Named),
    /// Show what happened to a tenant, newest first: operations, failed tries, API keys, audit
    History {
        #[command(flatten)]
        tenant: Named,
        #[command(flatten)]
        page: Page,
    },
    /// Suspend a tenant: its users are refused until it is resumed; or all that fit
    Suspend {
        #[command(flatten)]
        tenants: Tenants,
        /// Why, for those who look at it
        #[arg(long)]
        reason: Option<String>,
        /// Resume it at this time, as in 2027-01-31T08:00:00Z; without it, only `resume` does
        #[arg(long, value_name = "TIME")]
        until: Option<DateTime<Utc>>,
    },
    Update(TenantUpdate),
    /// Resume a suspended tenant; or all that fit
    Resume(Tenants),
    #[command(flatten)]
    Deletion(Deletion),
    /// List, issue, rotate and revoke a tenant's API keys
    #[command(subcommand)]
    Keys(TenantKeys),
    Check(Check),
    Connect(Connect),
    ApplicationRole(ApplicationRole),
}

impl Tenant {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        match self {
            // These work on the database.
            Self::Connect(connect) => connect.run(global).await,
            Self::ApplicationRole(command) => {
                with_database(global, async |db| command.run(db).await).await
            }
            Self::Keys(keys) => keys.run(global).await,
            Self::Deletion(command) => command.run(global).await,
            Self::Update(update) => update.run(global).await,
            Self::Check(check) => check.run(global).await,
            Self::List { page, part, status, q } => {
                let page = page.map(|page| page.to_string());
                let [limit, cursor] = part.parameters();
                let query = query(&[("page", page), limit, cursor, ("status", status), ("q", q)]);
                list(global, &client(global)?.get(&format!("{API}/tenants{query}")).await?)
            }
            Self::Show(tenant) => one(global, &tenant, "").await,
            Self::Status(tenant) => one(global, &tenant, "/status").await,
            Self::History { tenant, page } => history(global, &tenant, page).await,
            Self::Suspend { tenants, reason, until } => {
                tenants.post(global, Kind::Suspend, &Suspend { reason, until }).await
            }
            Self::Resume(tenants) => tenants.post(global, Kind::Resume, &json!({})).await,
        }
    }
}

async fn history(global: &Global, tenant: &Named, page: Page) -> anyhow::Result<Done> {
    let client = client(global)?;
    let id = tenant.resolve(&client).await?;
    let query = query(&page.parameters());
    let answer = client.get(&format!("{API}/tenants/{id}/history{query}")).await?;
    print(global, &answer, |page: contract::HistoryPage| {
        show::history_table(&page.entries).print();
        more(page.next_cursor, |at| format!("`tenantry tenant history {id} --cursor {at}`"));
    })
}

fn list(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |page: contract::TenantPage| {
        let mut table = Table::new(&[">id", "tenant", "=status", "domain", "?schema", "?=created"]);
        for tenant in &page.tenants {
            table.row([
                tenant.tenant_id.to_string(),
                tenant.tenant_name.clone(),
                tenant.status.to_string(),
                show::domain(&tenant.domain),
                tenant.schema_name.clone(),
                show::short_time(Some(tenant.created_at)),
            ]);
        }
        if page.tenants.is_empty() {
            show::note("no tenant fits, or the page is behind the last one");
        } else {
            table.print();
        }
        show::note(format!("{} of {}", page.tenants.len(), page.total));
        more(page.next_cursor, |cursor| format!("--cursor {cursor}"));
    })
}

/// What is below the tenant's path, a line a field: a newer API's fields are shown, too.
async fn one(global: &Global, tenant: &Named, below: &str) -> anyhow::Result<Done> {
    let client = client(global)?;
    let id = tenant.resolve(&client).await?;
    shown(global, &client.get(&format!("{API}/tenants/{id}{below}")).await?)
}

pub(super) fn shown(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |fields: Fields| {
        let mut record = Record::default();
        for (name, value) in fields {
            let value = value_text(&name, value.get());
            record.field(name, value);
        }
        record.print();
    })
}

/// A field as people read it; `value` is JSON. A number keeps its digits, and nothing is too deep.
fn value_text(name: &str, value: &str) -> String {
    let text: Option<String> = serde_json::from_str(value).ok();
    match text {
        _ if value == "null" => DASH.to_owned(),
        Some(domain) if name == "domain" => show::domain(&domain),
        Some(at) if name.ends_with("_at") || name == "last_activity" => {
            at.parse().map_or(at, |at| show::short_time(Some(at)))
        }
        Some(text) => text,
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_every_digit() {
        let fields: Fields = serde_json::from_str(r#"{"b":1.10,"a":{"x":[ 1 ]}}"#).unwrap();

        let told: Vec<_> = fields.iter().map(|(name, it)| (name.as_str(), it.get())).collect();
        assert_eq!(told, [("b", "1.10"), ("a", r#"{"x":[ 1 ]}"#)]);
    }

    #[test]
    fn people_read_domains_times_and_what_is_missing() {
        assert_eq!(value_text("domain", r#""xn--bcher-kva.example""#), "bücher.example");
        assert_eq!(value_text("description", "null"), DASH);
        assert_eq!(value_text("tenant_id", "12345678901234567890"), "12345678901234567890");
        assert!(value_text("created_at", r#""2026-11-26T06:33:47.1Z""#).starts_with("2026-11-2"));
        assert_eq!(value_text("created_at", r#""soon""#), "soon");
    }
}
