//! `tenantry tenant keys`: list, issue, rotate, reveal and revoke the API keys of one tenant; rotate and revoke
//! those of many.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use contract::{ApiKey, IssueKey, IssuedKey, KeyPage, RevealedKeys, TenantAcknowledged};
use domain::{Kind, RevokeKeys, RotateKeys};

use super::{
    Page, client,
    find_tenant::{self, Named},
    keys, more, print,
    selected::{Selected, Tenants},
};
use crate::{
    args::Global,
    client::{API, Answer, Client, query},
    failure::{Done, Failure},
    show::{self, Table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantKeys {
    /// List a tenant's API keys, without their secrets
    #[command(mut_arg("limit", |limit| limit.help("Keys per page")))]
    List {
        #[command(flatten)]
        tenant: Named,
        #[command(flatten)]
        page: Page,
    },
    /// Issue an API key beside the one that is there, and print it
    Issue {
        #[command(flatten)]
        tenant: Named,
        /// Days after which the key expires; without it as the server is set
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
    },
    /// Issue an API key that replaces the one that is there, and print it; or one to each of many tenants
    Rotate {
        #[command(flatten)]
        tenants: Tenants,
        /// Hours for which the old key stays valid, 0 for none; without it as the server is set
        #[arg(long, value_name = "HOURS")]
        overlap_hours: Option<u32>,
        /// Days after which the new key expires; without it as the server is set
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
    },
    /// Show the tenant's API keys that you have not confirmed yet
    Reveal(Named),
    /// Confirm that you have stored the keys: they are erased and cannot be shown again
    Acknowledge(Named),
    /// Revoke an API key at once; or all live ones of many tenants
    Revoke {
        /// Its id, domain, schema name, or your own (external) id for it
        #[arg(required_unless_present = "Selected", conflicts_with = "Selected", requires = "key")]
        tenant: Option<String>,
        /// The key's id, as `list` shows it
        key: Option<i64>,
        #[command(flatten)]
        selected: Selected,
        /// Only keys of many tenants that were issued before this time, as in 2027-01-31T08:00:00Z
        #[arg(long, value_name = "TIME", requires = "Selected")]
        issued_before: Option<DateTime<Utc>>,
    },
}

impl TenantKeys {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let (Self::List { tenant: Named { tenant }, .. }
        | Self::Issue { tenant: Named { tenant }, .. }
        | Self::Rotate { tenants: Tenants { tenant: Some(tenant), .. }, .. }
        | Self::Reveal(Named { tenant })
        | Self::Acknowledge(Named { tenant })
        | Self::Revoke { tenant: Some(tenant), .. }) = &self
        else {
            return self.of_many(global, &client).await;
        };
        let id = find_tenant::resolve(&client, tenant).await?;
        let keys = format!("{API}/tenants/{id}/keys");
        match self {
            Self::List { page, .. } => {
                let query = query(&page.parameters());
                list(global, &client.get(&format!("{keys}{query}")).await?)
            }
            Self::Issue { expires_days, .. } => {
                issued(global, &client.send(&keys, &IssueKey { expires_days }, &[]).await?)
            }
            Self::Rotate { overlap_hours, expires_days, .. } => {
                let body = RotateKeys { overlap_hours, expires_days };
                issued(global, &client.send(&format!("{keys}/rotate"), &body, &[]).await?)
            }
            Self::Reveal(_) => revealed(global, &client.post(&format!("{keys}/reveal")).await?),
            Self::Acknowledge(_) => {
                acknowledged(global, &client.post(&format!("{keys}/acknowledge")).await?)
            }
            Self::Revoke { key, .. } => {
                let key = key.ok_or_else(|| Failure::usage("name the key"))?;
                print(global, &client.delete(&format!("{keys}/{key}")).await?, |key: ApiKey| {
                    show::line(format!("API key {} ({}) is revoked", key.key_id, short(&key)));
                })
            }
        }
    }

    /// As an operation.
    async fn of_many(self, global: &Global, client: &Client) -> anyhow::Result<Done> {
        match self {
            Self::Rotate { tenants, overlap_hours, expires_days } => {
                let params = RotateKeys { overlap_hours, expires_days };
                tenants.selected.submit(global, client, Kind::RotateKeys, &params).await
            }
            Self::Revoke { selected, issued_before, .. } => {
                let params = RevokeKeys { created_before: issued_before };
                selected.submit(global, client, Kind::RevokeKeys, &params).await
            }
            _ => Err(Failure::usage("name a tenant").into()),
        }
    }
}

/// What tells a key from others.
fn short(key: &ApiKey) -> String {
    show::plain(&format!("{}…{}", key.prefix, key.last4))
}

fn list(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |page: KeyPage| {
        let mut table =
            Table::new(&[">id", "key", "=status", "?=created", "=expires", "?=last used"]);
        for key in &page.keys {
            table.row([
                key.key_id.to_string(),
                short(key),
                key.status.to_string(),
                show::short_time(Some(key.created_at)),
                show::short_time(key.expires_at),
                show::short_time(key.last_used_at),
            ]);
        }
        if page.keys.is_empty() {
            show::note("the tenant has no API keys, or the page is behind the last one");
        } else {
            table.print();
        }
        more(page.next_cursor, |cursor| format!("--cursor {cursor}"));
    })
}

/// The key alone on standard output, so that a program can take it from there.
fn issued(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |issued: IssuedKey| {
        if let Some(key) = issued.api_key {
            show::line(key);
        }
        let IssuedKey { tenant_id, key, .. } = issued;
        let ends = key.expires_at.map(|at| format!(", expires {}", show::short_time(Some(at))));
        show::note(format!(
            "API key {} of tenant {tenant_id}{}",
            key.key_id,
            ends.unwrap_or_default()
        ));
        show::note(format!(
            "when you have stored it: `tenantry tenant keys acknowledge {tenant_id}`"
        ));
    })
}

fn revealed(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    let revealed: RevealedKeys = answer.parse()?;
    let hint =
        revealed.keys.first().map(|key| format!("tenant keys acknowledge {}", key.tenant_id));
    if global.json {
        show::raw(&answer.text);
    } else {
        keys::tell(&revealed, &hint.unwrap_or_default());
    }
    Ok(Done::well_if(revealed.unreadable.is_empty()))
}

fn acknowledged(global: &Global, answer: &Answer) -> anyhow::Result<Done> {
    print(global, answer, |told: TenantAcknowledged| {
        show::line(keys::erased(&format!("tenant {}", told.tenant_id), told.acknowledged));
    })
}
