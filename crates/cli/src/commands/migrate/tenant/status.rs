//! How tenants' schemas stand.

use serde_json::json;
use sqlx::PgPool;
use store::tenants::FleetTenant;
use tenantdb::migrations::{self, AppliedMigration, MigrationSet};

use super::{Which, every_tenant, no_tenant, schema_name};
use crate::{
    args::Global,
    connection::database_failure,
    failure::Done,
    show::{self, Table, short_time},
};

/// Tenants behind the newest version that are shown; the rest is counted.
const SHOWN: usize = 40;

/// One schema's migrations, or every tenant's version.
pub(super) async fn show(
    global: &Global,
    pool: &PgPool,
    set: &MigrationSet,
    which: &Which,
) -> anyhow::Result<Done> {
    match &which.schema {
        Some(schema) => one(global, pool, set, schema).await,
        None => Ok(all(global, set, &every_tenant(pool).await?)),
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
    version: i64,
    description: String,
    state: &'static str,
    applied_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// What should be there beside what is, oldest first.
fn compare(set: &MigrationSet, applied: &[AppliedMigration]) -> Vec<Row> {
    let mut rows: Vec<Row> = set
        .iter()
        .map(|wanted| {
            let found = applied.iter().find(|a| a.version == wanted.version());
            Row {
                version: wanted.version(),
                description: wanted.description().to_owned(),
                state: match found {
                    Some(a) if a.checksum == wanted.checksum() => "applied",
                    Some(_) => "edited",
                    None => "pending",
                },
                applied_at: found.map(|a| a.applied_at),
            }
        })
        .collect();
    let unknown = applied.iter().filter(|a| set.iter().all(|m| m.version() != a.version));
    rows.extend(unknown.map(|a| Row {
        version: a.version,
        description: a.description.clone(),
        state: "unknown",
        applied_at: Some(a.applied_at),
    }));
    rows.sort_by_key(|row| row.version);
    rows
}

fn all(global: &Global, set: &MigrationSet, tenants: &[FleetTenant]) -> Done {
    let head = set.head();
    let version = |t: &FleetTenant| t.migration_version.unwrap_or(0);
    let others: Vec<_> = tenants.iter().filter(|t| version(t) != head).collect();
    if global.json {
        let rows: Vec<_> = tenants
            .iter()
            .map(|t| {
                json!({ "tenant_id": t.id, "schema": t.schema.as_str(),
                    "version": t.migration_version })
            })
            .collect();
        show::raw(&json!({ "newest": head, "tenants": rows }).to_string());
        return Done::well_if(others.is_empty());
    }
    if !others.is_empty() {
        let mut table = Table::new(&[">id", "schema", ">version", ">newest"]);
        for tenant in others.iter().take(SHOWN) {
            table.row([
                tenant.id.to_string(),
                tenant.schema.as_str().to_owned(),
                version(tenant).to_string(),
                head.to_string(),
            ]);
        }
        table.print();
    }
    show::line(format!(
        "{} tenants: {} stand at version {head}, {} do not",
        tenants.len(),
        tenants.len() - others.len(),
        others.len(),
    ));
    if others.iter().any(|t| version(t) < head) {
        show::note("`tenantry migrate tenant up --all` brings them there");
    }
    Done::well_if(others.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(version: i64, checksum: &str) -> AppliedMigration {
        AppliedMigration {
            version,
            description: "x".to_owned(),
            checksum: checksum.to_owned(),
            applied_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn tells_applied_edited_pending_and_unknown_apart() {
        let set = MigrationSet::embedded();
        let first = set.iter().next().unwrap();

        let whole = compare(&set, &[applied(1, first.checksum())]);
        let odd = compare(&set, &[applied(1, "other"), applied(99, "later")]);

        let states = |rows: &[Row]| rows.iter().map(|r| r.state).collect::<Vec<_>>();
        assert_eq!(states(&whole), ["applied", "pending"]);
        assert_eq!(states(&odd), ["edited", "pending", "unknown"]);
    }
}
