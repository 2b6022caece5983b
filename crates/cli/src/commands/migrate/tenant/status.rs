//! How tenants' schemas stand.

use std::collections::{BTreeSet, HashMap};

use domain::{TenantId, Version};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use store::tenants::FleetTenant;
use tenantdb::{
    ledger::{self, AppliedMigration, Entry},
    migrations::{Migration, MigrationSet, Standing},
};

use super::{every_tenant, tenant_of};
use crate::{
    connection::Database,
    failure::Done,
    show::{self, Table, short_time},
};

/// Tenants that lack migrations are shown up to so many; the rest is counted.
const SHOWN: usize = 40;

/// Tenants whose rows in the ledger are read in one message.
const AT_ONCE: usize = 500;

/// One schema's migrations, or what every tenant lacks.
pub(super) async fn show(
    db: Database<'_>,
    set: &MigrationSet,
    schema: Option<&str>,
) -> anyhow::Result<Done> {
    match schema {
        Some(schema) => one(db, set, schema).await,
        None => all(db, set, &every_tenant(db.pool).await?).await,
    }
}

async fn one(db: Database<'_>, set: &MigrationSet, schema: &str) -> anyhow::Result<Done> {
    let mut conn = db.pool.acquire().await?;
    let tenant = tenant_of(&mut conn, schema).await?;
    let read = ledger::read(&mut conn, &[tenant.id]).await?;
    let entry = read.into_iter().next().flatten();
    Ok(of_schema(db.json, schema, set, entry.as_ref(), |_| match &entry {
        Some(it) => show::line(format!("last migrated {}", short_time(Some(it.applied_at)))),
        None => show::note(ledger::missing(&tenant.schema)),
    }))
}

/// Shows what a schema has of the set, then `more`, which is told whether it has all.
pub(in crate::commands::migrate) fn of_schema(
    json: bool,
    schema: &str,
    set: &MigrationSet,
    entry: Option<&Entry>,
    more: impl FnOnce(bool),
) -> Done {
    let rows = compare(set, entry.map_or(&[], |entry| &entry.applied));
    let current = rows.iter().all(|row| row.state == "applied");
    let told = json!({ "schema": schema, "migrations": rows, "current": current,
        "applied_at": entry.map(|entry| entry.applied_at) });
    show::result(json, &told, || {
        let mut table = Table::new(&[">version", "description", "state"]);
        for Row { version, description, state } in rows {
            table.row([version.to_string(), description, state.to_owned()]);
        }
        table.print();
        more(current);
    });
    Done::well_if(current)
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    version: Version,
    description: String,
    state: &'static str,
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
            }
        })
        .collect();
    let unknown = applied.iter().filter(|had| !set.iter().any(|wanted| is(wanted, had)));
    rows.extend(unknown.map(|a| Row {
        version: a.version.clone(),
        description: a.description.clone(),
        state: "unknown",
    }));
    rows
}

type Stands<'a> = (&'a FleetTenant, Standing<'a>);

/// Compares every tenant with the set. Most are at its newest version, as the ledger's rows tell; the other
/// rows are read with the files of their sets.
async fn read<'a>(
    pool: &PgPool,
    set: &'a MigrationSet,
    tenants: &'a [FleetTenant],
) -> sqlx::Result<Vec<Stands<'a>>> {
    let is_current = |tenant: &&FleetTenant| {
        let place = tenant.place.as_ref();
        place.is_some_and(|it| it.set_hash == set.hash() && it.version.as_ref() == set.head())
    };
    let others: Vec<TenantId> =
        tenants.iter().filter(|tenant| !is_current(tenant)).map(|tenant| tenant.id).collect();
    let mut conn = pool.acquire().await?;
    let mut applied = HashMap::new();
    for some in others.chunks(AT_ONCE) {
        let entries = ledger::read(&mut conn, some).await?;
        let had = entries.into_iter().map(|entry| entry.map(|e| e.applied).unwrap_or_default());
        applied.extend(some.iter().copied().zip(had));
    }
    let whole: Vec<AppliedMigration> = set.iter().map(AppliedMigration::from).collect();
    let stand = tenants.iter().map(|tenant| {
        let had = applied.get(&tenant.id).unwrap_or(&whole);
        (tenant, set.compare(had.iter().map(AppliedMigration::record)))
    });
    Ok(stand.collect())
}

async fn all(
    db: Database<'_>,
    set: &MigrationSet,
    tenants: &[FleetTenant],
) -> anyhow::Result<Done> {
    let stand = read(db.pool, set, tenants).await?;
    let others: Vec<&Stands<'_>> = stand.iter().filter(|(_, s)| !s.is_current()).collect();
    let born_at = born_at(db.pool).await?;
    if db.json {
        let rows: Vec<_> = stand.iter().map(json_row).collect();
        let told = json!({ "newest": set.head(), "born_at": born_at, "tenants": rows });
        show::raw(&told.to_string());
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
        "{} of {} tenants have all migrations (newest {})",
        tenants.len() - others.len(),
        tenants.len(),
        version(set.head()),
    ));
    if let Some((tenant, _)) = others.iter().find(|(tenant, _)| tenant.place.is_none()) {
        show::note(ledger::missing(show::plain(&tenant.schema).as_ref()));
    }
    notes(set, &others).iter().for_each(show::note);
    let born_elsewhere = born_at.filter(|it| *it != version(set.head()));
    if let Some(born_at) = &born_elsewhere {
        show::note(format!("new tenants are born at {born_at}"));
    }
    if born_elsewhere.is_some() || others.iter().any(|(_, it)| !it.missing.is_empty()) {
        show::note("`tenantry migrate tenant up --all` applies what is pending");
    }
    Ok(Done::well_if(others.is_empty()))
}

/// The version that new tenants are given.
async fn born_at(pool: &PgPool) -> sqlx::Result<Option<String>> {
    let birth = store::births::current(&mut *pool.acquire().await?).await?;
    Ok(birth.map(|birth| version(birth.place.version.as_ref()).to_owned()))
}

/// What is unusual about what is pending: versions that come late, and several transactions.
fn notes(set: &MigrationSet, others: &[&Stands<'_>]) -> BTreeSet<String> {
    let mut notes = BTreeSet::new();
    for (_, standing) in others {
        notes.extend(standing.out_of_order_notes(set));
        let segments = standing.segments(set);
        let outside = segments.iter().filter(|segment| !segment.is_in_transaction()).count();
        if segments.len() > 1 || outside > 0 {
            notes.insert(format!(
                "what is pending takes {} stages; {outside} of them run outside of a transaction",
                segments.len()
            ));
        }
    }
    notes
}

pub(super) fn version(version: Option<&Version>) -> &str {
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
    let no_row = tenant.place.is_none().then(|| "no row in the ledger".to_owned());
    [
        tenant.id.to_string(),
        tenant.schema.as_str().to_owned(),
        version(standing.newest).to_owned(),
        pending(standing).join(", "),
        edited.chain(unknown).chain(no_row).collect::<Vec<_>>().join(", "),
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
            needs_shared: None,
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
