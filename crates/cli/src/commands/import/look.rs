//! `tenantry import --dry-run`: what each schema would come to. The API says which names are free, the schemas are
//! looked at here; nothing is written.

use std::sync::Arc;

use contract::{DryRun, DryRunRow, ImportsRequest};
use doctor::References;
use domain::SchemaName;
use operations::import::Baselines;
use serde::Serialize;
use sqlx::PgConnection;

use super::super::doctor::unexamined;
use crate::{
    args::Global,
    client::{API, Client},
    connection::{Database, refuse_copy, with_database},
    failure::{Done, Failure},
    show::{self, Table, or_dash},
};

/// What a schema would come to.
#[derive(Debug, Serialize)]
struct Outlook {
    index: u32,
    tenant_name: Option<String>,
    domain: Option<String>,
    schema_name: Option<String>,
    /// The version that it is at.
    version: Option<String>,
    /// What differs and was allowed to.
    drift: Vec<String>,
    code: Option<String>,
    message: Option<String>,
}

pub(super) async fn run(
    global: &Global,
    client: &Client,
    body: &ImportsRequest,
) -> anyhow::Result<Done> {
    let answer = client.send(&format!("{API}/tenants/import?dry_run=true"), body, &[]).await?;
    let told: DryRun = answer.parse()?;
    let outlook = with_database(global, async |db| look(db, told, body).await).await?;
    let bad = outlook.iter().filter(|it| it.code.is_some()).count();
    show::result(global.json, &serde_json::to_value(&outlook)?, || {
        table(&outlook).print();
        show::note(match bad {
            0 => format!("all {} would be imported; nothing was written", outlook.len()),
            bad => format!("{bad} of {} would be refused; nothing was written", outlook.len()),
        });
    });
    Ok(Done::well_if(bad == 0))
}

async fn look(
    db: Database<'_>,
    told: DryRun,
    body: &ImportsRequest,
) -> anyhow::Result<Vec<Outlook>> {
    refuse_copy(db.pool).await?;
    let set = worker::configured_migrations(&db.settings.tenants)
        .map_err(|e| Failure::new(telemetry::chain(&e)).advise("correct the file"))?;
    let mut conn = doctor::connect(db.pool).await?;
    let references = References::learn(&mut conn, set.clone()).await;
    let references = references.map_err(|e| unexamined(&e))?;
    let baselines = Baselines::new(&Arc::new(set), references.whole());
    let mut all = Vec::with_capacity(told.rows.len());
    for row in told.rows {
        let sent = body.tenants.get(row.index as usize).map_or("{}", |sent| sent.get());
        all.push(one(&mut conn, &baselines, row, sent).await);
    }
    Ok(all)
}

async fn one(
    conn: &mut PgConnection,
    baselines: &Baselines,
    row: DryRunRow,
    sent: &str,
) -> Outlook {
    let DryRunRow { index, tenant_name, domain, schema_name, error } = row;
    let (code, message) = error.map(|it| (it.code.to_string(), it.message)).unzip();
    let outlook = Outlook {
        index,
        tenant_name,
        domain,
        schema_name,
        version: None,
        drift: Vec::new(),
        code,
        message,
    };
    // What is wrong with its fields the API has said already.
    let asked = domain::Import::read(sent);
    let schema = outlook.schema_name.clone().and_then(|it| SchemaName::from_registry(it).ok());
    let (None, Some(schema), Some(asked)) = (&outlook.code, schema, asked) else { return outlook };
    match baselines.compare(conn, &schema, &asked).await {
        Ok(found) => {
            let version = Some(found.version.unwrap_or_else(|| "none".to_owned()));
            Outlook { version, drift: found.drift, ..outlook }
        }
        Err(error) => Outlook {
            code: Some(error.code().to_string()),
            message: Some(error.public_message()),
            ..outlook
        },
    }
}

fn table(all: &[Outlook]) -> Table {
    let mut table = Table::new(&[">#", "tenant", "schema", "?domain", "version", "outcome"]);
    for it in all {
        let outcome = match (&it.code, &it.message) {
            (Some(code), message) => format!("{code}: {}", message.as_deref().unwrap_or_default()),
            (None, _) if it.drift.is_empty() => "would be imported".to_owned(),
            (None, _) => format!("would be imported; {}", it.drift.join("; ")),
        };
        table.row([
            it.index.to_string(),
            or_dash(it.tenant_name.as_ref()),
            or_dash(it.schema_name.as_ref()),
            or_dash(it.domain.as_deref().map(show::domain)),
            or_dash(it.version.as_ref()),
            outcome,
        ]);
    }
    table
}
