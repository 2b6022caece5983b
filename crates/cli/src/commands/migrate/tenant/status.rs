//! How tenants' schemas stand.

use domain::{SchemaName, Version};
use serde_json::json;
use sqlx::PgPool;
use store::tenants::FleetTenant;
use tenantdb::migrations::{self, AppliedMigration, Migration, MigrationSet, Standing};

use super::{Which, every_tenant, no_tenant, schema_name};
use crate::{
    args::Global,
    connection::database_failure,
    failure::Done,
    show::{self, Table, short_time},
};

/// Tenants that lack migrations are shown up to so many; the rest is counted.
const SHOWN: usize = 40;

/// Schemas whose version tables are read in one message.
const AT_ONCE: usize = 50;

/// One schema's migrations, or what every tenant lacks.
pub(super) async fn show(
    global: &Global,
    pool: &PgPool,
    set: &MigrationSet,
    which: &Which,
) -> anyhow::Result<Done> {
    match &which.schema {
        Some(schema) => one(global, pool, set, schema).await,
        None => all(global, pool, set, &every_tenant(pool).await?).await,
    }
}

async fn one(
    global: &Global,
    pool: &PgPool,
    set: &MigrationSet,
    schema: &str,
) -> anyhow::Result<Done> {
    let name = schema_name(schema)?;
    let mut conn = pool.acquire().await.map_err(|e| database_failure(&e))?;
    let found = store::tenants::fleet_tenant(&mut conn, &name).await;
    found.map_err(|e| database_failure(&e))?.ok_or_else(|| no_tenant(schema))?;
    let applied = migrations::applied(&mut conn, &name).await.map_err(|e| database_failure(&e))?;
    let rows = compare(set, &applied);
    let current = rows.iter().all(|row| row.state == "applied");
    if global.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| {
                json!({ "version": r.version, "description": r.description, "state": r.state,
                    "applied_at": r.applied_at })
            })
            .collect();
        show::raw(&json!({ "schema": schema, "migrations": rows, "current": current }).to_string());
        return Ok(Done::well_if(current));
    }
    let mut table = Table::new(&[">version", "description", "state", "applied"]);
    for row in rows {
        let at = short_time(row.applied_at);
        table.row([row.version.to_string(), row.description, row.state.to_owned(), at]);
    }
    table.print();
    Ok(Done::well_if(current))
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    version: Version,
    description: String,
    state: &'static str,
    applied_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// What should be there beside what is, in the order of the set; what the set has not comes last.
fn compare(set: &MigrationSet, applied: &[AppliedMigration]) -> Vec<Row> {
    let is = |wanted: &Migration, had: &AppliedMigration| {
        wanted.is_recorded_as(&had.version, &had.checksum)
    };
    let mut rows: Vec<Row> = set
        .iter()
        .map(|wanted| {
            let found = applied.iter().find(|had| is(wanted, had));
            Row {
                version: wanted.version().clone(),
                description: wanted.description().to_owned(),
                state: match found {
                    Some(a) if wanted.has_checksum(&a.checksum) => "applied",
                    Some(_) => "edited",
                    None => "pending",
                },
                applied_at: found.map(|a| a.applied_at),
            }
        })
        .collect();
    let unknown = applied.iter().filter(|had| !set.iter().any(|wanted| is(wanted, had)));
    rows.extend(unknown.map(|a| Row {
        version: a.version.clone(),
        description: a.description.clone(),
        state: "unknown",
        applied_at: Some(a.applied_at),
    }));
    rows
}

/// A tenant, and how its schema stands to the set.
type Stands<'a> = (&'a FleetTenant, Standing<'a>);

/// Reads every tenant's version table: the registry knows the newest version alone, and a migration
/// with a lower one may be missing below it.
async fn read<'a>(
    pool: &PgPool,
    set: &'a MigrationSet,
    tenants: &'a [FleetTenant],
) -> sqlx::Result<Vec<Stands<'a>>> {
    let mut stand = Vec::with_capacity(tenants.len());
    for some in tenants.chunks(AT_ONCE) {
        let names: Vec<_> = some.iter().map(|tenant| tenant.names().ok()).collect();
        let schemas: Vec<&SchemaName> = names.iter().flatten().map(|(schema, _)| schema).collect();
        let mut conn = pool.acquire().await?;
        let mut applied = migrations::applied_in_all(&mut conn, &schemas).await?.into_iter();
        for (tenant, names) in some.iter().zip(&names) {
            // A name that cannot be read leads to no schema: nothing is known to be applied there.
            let had = names.as_ref().and_then(|_| applied.next()).unwrap_or_default();
            stand.push((tenant, set.compare(had.iter().map(AppliedMigration::record))));
        }
    }
    Ok(stand)
}

async fn all(
    global: &Global,
    pool: &PgPool,
    set: &MigrationSet,
    tenants: &[FleetTenant],
) -> anyhow::Result<Done> {
    let stand = read(pool, set, tenants).await.map_err(|e| database_failure(&e))?;
    let others: Vec<&Stands<'_>> = stand.iter().filter(|(_, s)| !s.is_current()).collect();
    if global.json {
        let rows: Vec<_> = stand.iter().map(json_row).collect();
        show::raw(&json!({ "newest": set.head(), "tenants": rows }).to_string());
        return Ok(Done::well_if(others.is_empty()));
    }
    if !others.is_empty() {
        let mut table = Table::new(&[">id", "schema", ">version", "pending", "else"]);
        for stands in others.iter().take(SHOWN) {
            table.row(row(stands));
        }
        table.print();
    }
    show::line(format!(
        "up to date with version {}: {} of {} tenants",
        version(set.head()),
        tenants.len() - others.len(),
        tenants.len(),
    ));
    if others.iter().any(|(_, standing)| !standing.missing.is_empty()) {
        show::note("`tenantry migrate tenant up --all` applies what is pending");
    }
    Ok(Done::well_if(others.is_empty()))
}

fn version(version: Option<&Version>) -> &str {
    version.map_or("none", Version::as_str)
}

fn pending(standing: &Standing<'_>) -> Vec<String> {
    standing.missing.iter().map(|m| m.version().to_string()).collect()
}

fn json_row((tenant, standing): &Stands<'_>) -> serde_json::Value {
    let edited: Vec<_> = standing.edited.iter().map(|m| m.version()).collect();
    json!({ "tenant_id": tenant.id, "schema": tenant.schema.as_str(), "version": standing.newest,
        "pending": pending(standing), "edited": edited, "unknown": standing.unknown,
        "current": standing.is_current() })
}

fn row((tenant, standing): &Stands<'_>) -> [String; 5] {
    let edited = standing.edited.iter().map(|m| format!("{} edited", m.version()));
    let unknown = standing.unknown.iter().map(|version| format!("{version} unknown"));
    [
        tenant.id.to_string(),
        tenant.schema.as_str().to_owned(),
        version(standing.newest).to_owned(),
        pending(standing).join(", "),
        edited.chain(unknown).collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(version: &str, checksum: &str) -> AppliedMigration {
        AppliedMigration {
            version: version.into(),
            description: "x".to_owned(),
            checksum: checksum.to_owned(),
            applied_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn tells_applied_edited_pending_and_unknown_apart() {
        let set = MigrationSet::embedded();
        let first = set.iter().next().unwrap();

        let whole = compare(&set, &[applied("1", first.checksum())]);
        let odd = compare(&set, &[applied("1", "other"), applied("99", "later")]);

        let states = |rows: &[Row]| rows.iter().map(|r| r.state).collect::<Vec<_>>();
        assert_eq!(states(&whole), ["applied", "pending"]);
        assert_eq!(states(&odd), ["edited", "pending", "unknown"]);
    }
}
