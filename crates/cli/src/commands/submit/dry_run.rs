//! `tenantry submit --dry-run`: what each tenant would come to; nothing is written.

use std::path::Path;

use contract::{BatchRequest, DryRun};
use serde_json::value::RawValue;

use crate::{
    args::Global,
    client::{API, Client},
    failure::Done,
    input,
    show::{self, Table, or_dash},
};

/// Asks, and shows every row; writes those that would be refused to `bad_rows`.
pub(super) async fn run(
    global: &Global,
    client: &Client,
    body: &BatchRequest,
    bad_rows: Option<&Path>,
) -> anyhow::Result<Done> {
    let path = format!("{API}/tenants/batch?dry_run=true");
    let answer = client.send(&path, body, &[]).await?;
    let told: DryRun = answer.parse()?;
    let bad = told.rows.iter().filter(|row| row.error.is_some());
    let bad: Vec<&RawValue> = bad
        .filter_map(|row| body.tenants.get(row.index as usize).map(|tenant| &**tenant))
        .collect();
    if global.json {
        show::raw(&answer.text);
    } else {
        table(&told).print();
        show::note(match told.bad {
            0 => format!("all {} would be accepted; nothing was written", told.tenants),
            bad => format!("{bad} of {} would be refused; nothing was written", told.tenants),
        });
    }
    if let Some(file) = bad_rows {
        input::write_rows(file, &bad)?;
        show::note(format!("wrote {} refused tenants to {}", bad.len(), file.display()));
    }
    Ok(Done::well_if(told.bad == 0))
}

fn table(told: &DryRun) -> Table {
    let mut columns = vec![">#", "tenant", "?schema", "?domain"];
    columns.extend((told.bad > 0).then_some("error"));
    let mut table = Table::new(&columns);
    for row in &told.rows {
        let mut cells = vec![
            row.index.to_string(),
            or_dash(row.tenant_name.as_ref()),
            or_dash(row.schema_name.as_ref()),
            or_dash(row.domain.as_deref().map(show::domain)),
        ];
        let error = row.error.as_ref();
        let error = error.map_or_else(String::new, |it| format!("{}: {}", it.code, it.message));
        cells.extend((told.bad > 0).then_some(error));
        table.row(cells);
    }
    table
}
