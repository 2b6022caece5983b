//! Takes a schema back to an older version.

use domain::SchemaName;
use sqlx::PgConnection;

use super::error::MigrateError;
use super::script;
use super::set::MigrationSet;
use super::state::State;

/// What [`revert`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reverted {
    /// The newest version before, 0 if none.
    pub from: i64,
    /// The newest version now, 0 if none.
    pub to: i64,
    /// How many migrations were taken back.
    pub count: usize,
}

/// Runs the `.down.sql` of every applied migration newer than the target, newest first, in the
/// caller's transaction and in at most three messages. Without a target it takes back the newest
/// one. Checksums are not held: going back is how an edited migration is mended.
///
/// # Errors
/// As [`super::apply()`]; [`MigrateError::Irreversible`] where a file to go back is missing.
pub async fn revert(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
    target: Option<i64>,
) -> Result<Reverted, MigrateError> {
    let state =
        State::read(conn, schema).await.map_err(|source| MigrateError::Database { source })?;
    let had = state.versions();
    let second = had.len().checked_sub(2).map_or(0, |at| had[at]);
    let goal = target.unwrap_or(second);
    let newer = had.iter().rev().copied().filter(|version| *version > goal);
    let back = newer.map(|version| way_back(set, version)).collect::<Result<Vec<_>, _>>()?;
    if !back.is_empty() {
        state.run(conn, schema, script::down(schema, &state, &back)).await?;
    }
    let to = had.iter().rev().copied().find(|version| *version <= goal);
    Ok(Reverted { from: had.last().copied().unwrap_or(0), to: to.unwrap_or(0), count: back.len() })
}

fn way_back(set: &MigrationSet, version: i64) -> Result<(i64, &str, &str), MigrateError> {
    let migration = set.iter().find(|m| m.version() == version);
    let migration = migration.ok_or(MigrateError::Unknown { version })?;
    let down = migration.down().ok_or(MigrateError::Irreversible { version })?;
    Ok((version, &down.file, &down.sql))
}
