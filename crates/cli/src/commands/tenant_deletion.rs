//! `tenantry tenant delete` and what belongs to it: undelete, hold, protection, erasure report.

use std::cell::Cell;

use clap::Subcommand;
use contract::{EraseReport, HoldRequest};
use domain::{Delete, Kind};
use serde_json::json;

use super::{client, find_tenant::Named, print, selected::Tenants, tenant::shown};
use crate::{
    args::Global,
    client::{API, Client, query},
    failure::Done,
    show,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Deletion {
    /// Delete a tenant: its users are refused at once, and when its grace is over it is dropped; or all that fit
    Delete {
        #[command(flatten)]
        tenants: Tenants,
        /// The tenant's name, exactly as `tenant show` shows it
        #[arg(
            long,
            value_name = "NAME",
            required_unless_present = "Selected",
            conflicts_with = "Selected"
        )]
        confirm: Option<String>,
        /// Why, for those who look at it
        #[arg(long)]
        reason: Option<String>,
        /// Drop it after this many days, 0 to 365; without it, as the server is set
        #[arg(long, value_name = "DAYS")]
        grace: Option<u32>,
        /// Keep its domain, schema name and external id this many days longer, 0 to 3650; without it, as
        /// the server is set
        #[arg(long, value_name = "DAYS")]
        name_hold: Option<u32>,
        /// Drop the schema of an imported tenant too; without it, it is given back as it was found
        #[arg(long)]
        drop_imported: bool,
    },
    /// Bring a deleted tenant back, until its drop begins; or all that fit
    Undelete(Tenants),
    /// Hold a tenant: it is not dropped until it is released
    Hold {
        #[command(flatten)]
        tenant: Named,
        /// Why, for those who look at it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Release a tenant from its hold
    Release(Named),
    /// Refuse deletions of a tenant
    Protect(Named),
    /// Allow deletions of a tenant again
    Unprotect(Named),
    /// Show what was erased of a tenant that is gone, and what remains
    EraseReport {
        /// Its id
        id: i64,
    },
}

impl Deletion {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        match self {
            Self::Delete { tenants, confirm, reason, grace, name_hold, drop_imported } => {
                let asked =
                    Delete { reason, grace_days: grace, name_hold_days: name_hold, drop_imported };
                delete(global, &tenants, confirm, &asked).await
            }
            Self::Undelete(tenants) => tenants.post(global, Kind::Undelete, &json!({})).await,
            Self::Hold { tenant, reason } => {
                mark(global, &tenant, "hold", Some(&HoldRequest { reason })).await
            }
            Self::Release(tenant) => mark(global, &tenant, "hold", None).await,
            Self::Protect(tenant) => {
                let nothing = HoldRequest::default();
                mark(global, &tenant, "deletion-protection", Some(&nothing)).await
            }
            Self::Unprotect(tenant) => mark(global, &tenant, "deletion-protection", None).await,
            Self::EraseReport { id } => report(global, id).await,
        }
    }
}

async fn delete(
    global: &Global,
    tenants: &Tenants,
    confirm: Option<String>,
    asked: &Delete,
) -> anyhow::Result<Done> {
    let days = |days: Option<u32>| days.map(|days| days.to_string());
    let query = query(&[
        ("confirm", confirm),
        ("reason", asked.reason.clone()),
        ("grace_days", days(asked.grace_days)),
        ("name_hold_days", days(asked.name_hold_days)),
        ("drop_imported", asked.drop_imported.then(|| "true".to_owned())),
    ]);
    let named = Cell::new(None);
    let one = async |client: &Client, id| {
        named.set(Some(id));
        client.delete(&format!("{API}/tenants/{id}{query}")).await
    };
    let done = tenants.change(global, (Kind::Delete, asked), one).await?;
    if let Some(id) = named.get().filter(|_| !global.json) {
        show::note(format!(
            "tenant {id} is dropped when its grace is over: `tenantry tenant show {id}`"
        ));
    }
    Ok(done)
}

/// Sets a mark of the tenant, or with no body takes it away, and shows the tenant.
async fn mark(
    global: &Global,
    tenant: &Named,
    mark: &str,
    body: Option<&HoldRequest>,
) -> anyhow::Result<Done> {
    let client = client(global)?;
    let id = tenant.resolve(&client).await?;
    let path = format!("{API}/tenants/{id}/{mark}");
    let answer = match body {
        Some(body) => client.put(&path, body).await?,
        None => client.delete(&path).await?,
    };
    shown(global, &answer)
}

async fn report(global: &Global, id: i64) -> anyhow::Result<Done> {
    let answer = client(global)?.get(&format!("{API}/tenants/{id}/erase-report")).await?;
    print(global, &answer, |report: EraseReport| {
        let time = |at| show::short_time(Some(at));
        show::line(format!("tenant {id} was dropped and erased at {}", time(report.deleted_at)));
        if let (Some(who), Some(at)) = (&report.asked_by, report.asked_at) {
            show::line(format!("asked for by {} at {}", show::plain(who), time(at)));
        }
        let erased = report.erased;
        show::line(format!(
            "erased: {} API keys; names, texts and settings in {} items of operations; the messages of {} \
             failed tries; the personal part of {} audit entries",
            erased.api_keys, erased.items, erased.attempts, erased.audit_entries
        ));
        for it in report.remains {
            let until = it.until.map(|at| format!(", until {}", time(at))).unwrap_or_default();
            show::line(format!("remains: {}{until}", it.what));
        }
    })
}
