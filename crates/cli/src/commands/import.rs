//! `tenantry import`: schemas that are there become tenants; `tenantry release` gives one back.

mod look;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use contract::ImportsRequest;
use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};
use sha2::{Digest as _, Sha256};
use tenantdb::imports::{Registered, registry};

use super::{client, find_tenant::Named, watching};
use crate::{
    args::Global,
    client::{API, query},
    connection::with_database,
    failure::{Done, Failure},
    input::{self, Format},
    show,
};

/// Import schemas that are there: each becomes a tenant's, and its data is not touched
///
/// Refuses what Tenantry may not change, and what the tenant migrations did not make, by name. What it changes of
/// a schema is kept: `tenantry release` gives it back as it was found.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    what: What,
    /// What people call the tenant
    #[arg(long, requires = "schema", required_unless_present_any = ["file", "from_registry"])]
    name: Option<String>,
    /// Where it answers
    #[arg(long, requires = "schema", required_unless_present_any = ["file", "from_registry"])]
    domain: Option<String>,
    /// Your own id for it
    #[arg(long, value_name = "ID", requires = "schema")]
    external_id: Option<String>,
    /// The version that the schemas are at, where a file does not say; `none`: nothing is applied [default: the newest
    /// that makes what is in each]
    #[arg(long, value_name = "VERSION")]
    baseline: Option<String>,
    /// Accept that this object differs from the baseline, as a refusal names it; `all`: any
    #[arg(long, value_name = "OBJECT", requires = "baseline")]
    allow_drift: Vec<String>,
    /// The file's format [default: by the ending of its name]
    #[arg(long, value_enum, requires = "file")]
    format: Option<Format>,
    /// A name for this import: sent again with the same name, it is not done twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only say what each schema would come to (works on DATABASE_URL too); nothing is written, and the exit code is 1
    /// if one would be refused
    #[arg(long, conflicts_with = "idempotency_key")]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// This schema
    #[arg(long)]
    schema: Option<String>,
    /// Those of this file: CSV, JSON or NDJSON; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Those in the registry of the original product, a table like `public.tenant_registry` (works on DATABASE_URL
    /// too): inactive tenants arrive suspended, and their API keys go on working
    #[arg(long, value_name = "TABLE")]
    from_registry: Option<String>,
}

impl Import {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let body = ImportsRequest { tenants: self.tenants(global).await? };
        if self.dry_run {
            return look::run(global, &client, &body).await;
        }
        let key = self.idempotency_key.as_deref().map(|key| ("idempotency-key", key));
        let answer = client.send(&format!("{API}/tenants/import"), &body, key.as_slice()).await?;
        watching::follow(global, client.operations(), &answer.parse()?).await
    }

    async fn tenants(&self, global: &Global) -> anyhow::Result<Vec<Box<RawValue>>> {
        let sent = match (&self.what.file, &self.what.from_registry) {
            (Some(file), _) => input::read_imports(file, self.format)?,
            (None, Some(table)) => registered(global, table).await?,
            (None, None) => vec![to_raw_value(&json!({
                "schema_name": self.what.schema, "tenant_name": self.name, "domain": self.domain,
                "external_id": self.external_id,
            }))?],
        };
        if self.baseline.is_none() {
            return Ok(sent);
        }
        sent.into_iter().map(|tenant| self.with_baseline(tenant)).collect()
    }

    /// The tenant, with what the options say of it where it says nothing.
    fn with_baseline(&self, tenant: Box<RawValue>) -> anyhow::Result<Box<RawValue>> {
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(tenant.get()) else {
            return Ok(tenant);
        };
        if fields.get("baseline").is_none_or(Value::is_null) {
            fields.insert("baseline".to_owned(), json!(self.baseline));
            if fields.get("allow_drift").is_none_or(Value::is_null) && !self.allow_drift.is_empty()
            {
                fields.insert("allow_drift".to_owned(), json!(self.allow_drift));
            }
        }
        to_raw_value(&fields).context("could not write the tenant")
    }
}

/// The tenants in the registry of the original product.
async fn registered(global: &Global, table: &str) -> anyhow::Result<Vec<Box<RawValue>>> {
    let found = with_database(global, async |db| {
        let mut conn = db.pool.acquire().await?;
        Ok(registry(&mut conn, table).await?)
    });
    let found = found.await?.ok_or_else(|| {
        Failure::usage(format!("there is no table {table}"))
            .advise("name it with its schema, as in public.tenant_registry")
    })?;
    if found.is_empty() {
        return Err(Failure::usage(format!("the table {table} has no tenants in it")).into());
    }
    found.iter().map(of_registry).map(|it| Ok(to_raw_value(&it)?)).collect()
}

/// What is sent of a tenant of the registry: its API key only as a hash.
fn of_registry(it: &Registered) -> Value {
    let mut tenant = json!({
        "schema_name": it.schema_name, "tenant_name": it.tenant_name, "domain": it.domain,
        "suspended": !it.is_active,
    });
    if let Some(key) = it.api_key.as_deref().filter(|key| !key.is_empty()) {
        let last4: Vec<char> = key.chars().rev().take(4).collect();
        tenant["api_key_sha256"] = hex::encode(Sha256::digest(key)).into();
        tenant["api_key_last4"] = last4.into_iter().rev().collect::<String>().into();
    }
    if let Some(at) = &it.created_at {
        tenant["settings"] = json!({ "metadata": { "original_created_at": at } });
    }
    tenant
}

/// Give an imported schema back as it was found: the tenant is gone, its data stays
#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    tenant: Named,
    /// The tenant's name, exactly as `tenant show` shows it
    #[arg(long, value_name = "NAME")]
    confirm: String,
}

impl Release {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let id = self.tenant.resolve(&client).await?;
        let query = query(&[("confirm", Some(self.confirm))]);
        let path = format!("{API}/tenants/{id}/release{query}");
        let answer = client.send(&path, &json!({}), &[]).await?;
        let done = watching::follow(global, client.operations(), &answer.parse()?).await?;
        if !global.json && matches!(done, Done::Well) {
            show::note(format!("tenant {id} is gone; its schema is as the import found it"));
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_registry_is_sent_as_a_hash_alone() {
        let of = |api_key: Option<&str>, is_active| {
            of_registry(&Registered {
                tenant_name: "A".into(),
                domain: "a.example".into(),
                schema_name: "a".into(),
                api_key: api_key.map(str::to_owned),
                is_active,
                created_at: None,
            })
        };

        let sent = of(Some("tk_secret"), false);

        assert_eq!((&sent["suspended"], &sent["api_key_last4"]), (&json!(true), &json!("cret")));
        assert_eq!(sent["api_key_sha256"].as_str().unwrap().len(), 64);
        assert!(!sent.to_string().contains("tk_secret"));
        assert_eq!(of(Some(""), true).get("api_key_sha256"), None);
    }
}
