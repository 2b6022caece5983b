//! `tenantry health tenants`: how all tenants are, by what workers saw.

use clap::Args;
use contract::TenantHealthPage;
use domain::TenantHealth;

use super::{Page, client, more, print};
use crate::{
    args::Global,
    client::{API, query},
    failure::Done,
    show::{self, Table},
};

/// Show how tenants were when workers last looked at them
#[derive(Debug, Args)]
pub(crate) struct TenantsHealth {
    /// Only tenants in this health: healthy, unhealthy or error
    #[arg(long)]
    health: Option<TenantHealth>,
    #[command(flatten)]
    page: Page,
}

impl TenantsHealth {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let [limit, cursor] = self.page.parameters();
        let query = query(&[("health", self.health.map(|it| it.to_string())), limit, cursor]);
        let answer = client.get(&format!("{API}/health/tenants{query}")).await?;
        print(global, &answer, tell)
    }
}

fn tell(page: TenantHealthPage) {
    let mut table =
        Table::new(&[">tenant", "=schema", "=health", "=since", "=looked at", "~what is wrong"]);
    for it in &page.tenants {
        table.row([
            it.tenant_id.to_string(),
            it.schema_name.clone(),
            it.overall_health.to_string(),
            show::short_time(it.health_since),
            show::short_time(it.checked_at),
            show::or_dash(it.error.clone()),
        ]);
    }
    table.print();
    let it = &page.summary;
    let most = if it.is_exact { "" } else { "; counts end at 10,000" };
    show::note(format!(
        "{} tenants: {} healthy, {} unhealthy, {} not seen because of an error, {} not looked at yet; \
         {} drifted{most}",
        it.total_tenants, it.healthy, it.unhealthy, it.error, it.unchecked, it.drifted
    ));
    more(page.next_cursor, |cursor| format!("--cursor {cursor}"));
}
