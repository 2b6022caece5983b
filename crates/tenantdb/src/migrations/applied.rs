//! What a schema's own version table says.

use domain::{SchemaName, Version};
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::VERSION_TABLE;
use crate::ident::{Ident, literal};

/// A migration as recorded when it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its version, as it was spelled then.
    pub version: Version,
    /// Its description then.
    pub description: String,
    /// SHA-384 of its text then, in hexadecimal.
    pub checksum: String,
    /// When its transaction began, by the database's clock.
    pub applied_at: DateTime<Utc>,
}

impl AppliedMigration {
    /// Version and checksum, for [`compare`](super::MigrationSet::compare).
    #[must_use]
    pub fn record(&self) -> (&Version, &str) {
        (&self.version, &self.checksum)
    }
}

/// What was applied to the schema, oldest first; empty when there is no version table.
///
/// # Errors
/// When the table cannot be read.
pub async fn applied(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Vec<AppliedMigration>> {
    Ok(applied_in_all(conn, &[schema]).await?.pop().unwrap_or_default())
}

/// What was applied to each of the schemas, in their order: two messages for all of them. A schema
/// without version table has nothing.
///
/// # Errors
/// When a table cannot be read.
pub async fn applied_in_all(
    conn: &mut PgConnection,
    schemas: &[&SchemaName],
) -> sqlx::Result<Vec<Vec<AppliedMigration>>> {
    let tables: Vec<String> = schemas.iter().map(|schema| table(schema)).collect();
    let there: Vec<bool> = sqlx::query_scalar(
        "select to_regclass(name) is not null from unnest($1::text[]) with ordinality u (name, n)
         order by n",
    )
    .bind(&tables)
    .fetch_all(&mut *conn)
    .await?;
    let there = tables.iter().enumerate().zip(there).filter(|(_, there)| *there);
    read(conn, schemas.len(), there.map(|((at, table), _)| (at, table.as_str()))).await
}

/// The version table's name, with its schema.
pub(super) fn table(schema: &SchemaName) -> String {
    format!("{}.{VERSION_TABLE}", Ident::from(schema))
}

/// Reads version tables that are known to be there, each with its place in the answer. One message.
pub(super) async fn read(
    conn: &mut PgConnection,
    places: usize,
    tables: impl Iterator<Item = (usize, &str)>,
) -> sqlx::Result<Vec<Vec<AppliedMigration>>> {
    // tables of the release before have numbers
    let one = |(at, table): (usize, &str)| {
        format!(
            "select {}::int, version::text, description, checksum, applied_at from {table}",
            literal(&at.to_string())
        )
    };
    let parts: Vec<String> = tables.map(one).collect();
    let mut all = vec![Vec::new(); places];
    if parts.is_empty() {
        return Ok(all);
    }
    let rows = sqlx::raw_sql(AssertSqlSafe(parts.join("\nunion all\n"))).fetch_all(conn).await?;
    for row in &rows {
        let at = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX);
        let Some(applied) = all.get_mut(at) else { continue };
        applied.push(AppliedMigration {
            version: Version::new(row.try_get::<String, _>(1)?),
            description: row.try_get(2)?,
            checksum: row.try_get(3)?,
            applied_at: row.try_get(4)?,
        });
    }
    for applied in &mut all {
        applied.sort_by(|a, b| a.version.compare_for_display(&b.version));
    }
    Ok(all)
}
