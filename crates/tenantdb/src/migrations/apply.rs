//! Brings a schema to the newest version.

use domain::SchemaName;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::blame;
use super::error::MigrateError;
use super::script::{self, Script};
use super::set::{Migration, MigrationSet};

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

/// Applies what the schema lacks, in the caller's transaction and in one message, whatever
/// version the schema has. Compares the checksums of what was applied before.
///
/// It looks only into this schema while it runs, and leaves the search path as it found it.
///
/// # Errors
/// [`MigrateError`] names the version, the file and where possible the line. The transaction is
/// aborted then, and rolling it back leaves nothing.
pub async fn apply(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
) -> Result<Applied, MigrateError> {
    let had = run(conn, script::up(schema, set)).await?;
    let from = had.last().copied().unwrap_or(0);
    let count = set.iter().map(Migration::version).filter(|v| !had.contains(v)).count();
    Ok(Applied { from, to: from.max(set.head()), count })
}

/// Sends a script and reads the versions it found.
pub(super) async fn run(
    conn: &mut PgConnection,
    mut script: Script<'_>,
) -> Result<Vec<i64>, MigrateError> {
    let text = std::mem::take(&mut script.text);
    let had: String = sqlx::raw_sql(AssertSqlSafe(text))
        .fetch_one(conn)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|source| blame::name(source, &script))?;
    let versions = had.split(',').filter(|v| !v.is_empty()).map(str::parse);
    versions
        .collect::<Result<_, _>>()
        .map_err(|e| MigrateError::Database { source: sqlx::Error::Decode(Box::new(e)) })
}
