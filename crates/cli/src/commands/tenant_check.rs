//! `tenantry tenant check`: how one tenant is.

use clap::Args;
use contract::TenantCheck;
use domain::TenantHealth;

use super::{client, find_tenant::Named};
use crate::{
    args::Global,
    client::API,
    failure::Done,
    show::{self, Record},
};

/// Look at a tenant now: schema, tables, role and rights. Exits 1 unless it is healthy
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    tenant: Named,
    /// Do not look, but show what the last look came to
    #[arg(long)]
    stored: bool,
}

impl Check {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let id = self.tenant.resolve(&client).await?;
        let path = format!("{API}/tenants/{id}");
        let answer = if self.stored {
            client.get(&format!("{path}/health")).await?
        } else {
            client.post(&format!("{path}/check")).await?
        };
        let check: TenantCheck = answer.parse()?;
        if global.json {
            show::raw(&answer.text);
        } else {
            tell(&check);
        }
        Ok(Done::well_if(check.overall_health == TenantHealth::Healthy))
    }
}

fn tell(check: &TenantCheck) {
    let mut record = Record::default();
    record.field("tenant_id", check.tenant_id.to_string());
    record.field("tenant_name", &check.tenant_name);
    record.field("schema_name", &check.schema_name);
    record.field("status", check.status.to_string());
    record.field("schema_valid", check.schema_valid.to_string());
    record.field("db_accessible", check.db_accessible.to_string());
    record.field("overall_health", check.overall_health.to_string());
    for reason in &check.reasons {
        record.field("reason", format!("{} ({})", reason.message, reason.code));
    }
    record.field("checked_at", show::short_time(Some(check.checked_at)));
    record.field("duration", format!("{} ms", check.duration_ms));
    record.print();
}
