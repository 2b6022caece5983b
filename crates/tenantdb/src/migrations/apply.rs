//! Brings a schema to the newest version.

use domain::SchemaName;
use sqlx::{AssertSqlSafe, Column, PgConnection, Row, postgres::PgRow};

use super::applied::AppliedMigration;
use super::error::MigrateError;
use super::script;
use super::set::{Migration, MigrationSet};
use super::state::State;

/// What [`apply`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The newest version before, 0 if none.
    pub from: i64,
    /// The newest version now.
    pub to: i64,
    /// How many migrations were applied.
    pub count: usize,
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
    let state =
        State::read(conn, schema).await.map_err(|source| MigrateError::Database { source })?;
    for applied in state.applied.iter().flatten() {
        hold(applied, set)?;
    }
    let had = state.versions();
    let pending: Vec<&Migration> = set.iter().filter(|m| !had.contains(&m.version())).collect();
    if state.applied.is_none() || !pending.is_empty() {
        state.run(conn, schema, script::up(schema, &state, &pending)).await?;
    }
    let from = had.last().copied().unwrap_or(0);
    Ok(Applied { from, to: from.max(set.head()), count: pending.len() })
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
    let state = State::of_session(conn).await.map_err(failed)?;
    let all: Vec<&Migration> = set.iter().collect();
    let script = script::plain(schemas, &state, &all);
    let rows = sqlx::raw_sql(AssertSqlSafe(script)).fetch_all(conn).await.map_err(failed)?;
    let is_last = |row: &&PgRow| row.columns().first().map(Column::name) == Some(script::LAST_ROW);
    let mut ends = rows.iter().filter(is_last);
    for schema in schemas {
        state.stayed(schema, ends.next().ok_or(MigrateError::Escaped)?)?;
    }
    Ok(())
}

/// Refuses a set that is not the one that was applied.
fn hold(applied: &AppliedMigration, set: &MigrationSet) -> Result<(), MigrateError> {
    let version = applied.version;
    match set.iter().find(|m| m.version() == version) {
        None => Err(MigrateError::Unknown { version }),
        Some(m) if m.checksum() != applied.checksum => Err(MigrateError::Edited { version }),
        Some(_) => Ok(()),
    }
}
