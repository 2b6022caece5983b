//! Brings a schema to the newest version.

use domain::{SchemaName, Version};
use sqlx::{AssertSqlSafe, Column, PgConnection, Row, postgres::PgRow};

use super::applied::AppliedMigration;
use super::compare::Standing;
use super::error::MigrateError;
use super::script;
use super::set::{Migration, MigrationSet};
use super::state::State;

/// What [`apply`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The newest version before, by its place in the set.
    pub from: Option<Version>,
    /// The newest version now.
    pub to: Option<Version>,
    /// What was applied, oldest first.
    pub applied: Vec<Version>,
    /// Those of the applied that are older than `from`: they came into the set later.
    pub out_of_order: Vec<Version>,
}

/// Applies what the schema lacks, in the caller's transaction: two messages for a new schema,
/// whatever the number of migrations, and three for an older one. Holds the checksums of what was
/// applied before.
///
/// It looks only into this schema while it runs, and leaves the search path as it found it.
///
/// # Errors
/// [`MigrateError`] names the version, the file and where possible the line. The transaction is
/// to be rolled back then, which leaves nothing.
pub async fn apply(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
) -> Result<Applied, MigrateError> {
    let state = State::read(conn, schema, set.path()).await;
    let state = state.map_err(|source| MigrateError::Database { source })?;
    let standing = set.compare(state.applied.iter().flatten().map(AppliedMigration::record));
    hold(&standing)?;
    let pending = &standing.missing;
    // in a new schema the tables are empty: an index locks out nobody
    if standing.newest.is_some() {
        pending.iter().try_for_each(|m| in_transaction(m.version(), m.file(), m.outside))?;
    }
    if state.applied.is_none() || !pending.is_empty() {
        state.run(conn, schema, script::up(schema, &state, pending, set.defers())).await?;
    }
    let out_of_order = standing.out_of_order(set);
    let applied: Vec<Version> = pending.iter().map(|m| m.version().clone()).collect();
    let from = standing.newest.cloned();
    // All of the set is there now.
    Ok(Applied { from, to: set.head().cloned(), applied, out_of_order })
}

/// Applies the set to schemas in which nothing is, all in one message after a first that looks
/// where the session stands. The set must have been applied by [`apply`] somewhere before.
///
/// # Errors
/// As [`apply`]; which schema, file and line it was is not told.
pub(crate) async fn apply_to_empty(
    conn: &mut PgConnection,
    schemas: &[&SchemaName],
    set: &MigrationSet,
) -> Result<(), MigrateError> {
    let failed = |source| MigrateError::Database { source };
    let state = State::of_session(conn, set.path()).await.map_err(failed)?;
    let all: Vec<&Migration> = set.iter().collect();
    let script = script::plain(schemas, &state, &all, set.defers());
    let rows = sqlx::raw_sql(AssertSqlSafe(script)).fetch_all(conn).await.map_err(failed)?;
    let is_last = |row: &&PgRow| row.columns().first().map(Column::name) == Some(script::LAST_ROW);
    let mut ends = rows.iter().filter(is_last);
    for schema in schemas {
        state.stayed(schema, ends.next().ok_or(MigrateError::Escaped)?)?;
    }
    Ok(())
}

/// Refuses a text that would rather run outside of a transaction.
pub(super) fn in_transaction(
    version: &Version,
    file: &str,
    outside: Option<u32>,
) -> Result<(), MigrateError> {
    let (version, file) = (version.clone(), file.to_owned());
    match outside {
        Some(line) => Err(MigrateError::NeedsNoTransaction { version, file, line }),
        None => Ok(()),
    }
}

/// Refuses a set that is not the one that was applied.
fn hold(standing: &Standing<'_>) -> Result<(), MigrateError> {
    if let Some(version) = standing.unknown.first() {
        return Err(MigrateError::Unknown { version: version.clone() });
    }
    match standing.edited.first() {
        Some(edited) => Err(MigrateError::Edited { version: edited.version().clone() }),
        None => Ok(()),
    }
}
