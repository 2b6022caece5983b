//! What a schema's own version table says.

use domain::SchemaName;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::VERSION_TABLE;
use crate::ident::Ident;

/// A migration as recorded when it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its version.
    pub version: i64,
    /// Its description then.
    pub description: String,
    /// SHA-384 of its text then, in hexadecimal.
    pub checksum: String,
    /// When its transaction began, by the database's clock.
    pub applied_at: DateTime<Utc>,
}

/// What was applied to the schema, oldest first; empty when there is no version table.
///
/// # Errors
/// When the table cannot be read.
pub async fn applied(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Vec<AppliedMigration>> {
    let table = format!("{}.{VERSION_TABLE}", Ident::from(schema));
    let exists: bool = sqlx::query("select to_regclass($1) is not null")
        .bind(&table)
        .fetch_one(&mut *conn)
        .await?
        .try_get(0)?;
    if !exists {
        return Ok(Vec::new());
    }
    read(conn, &table).await
}

/// Reads a version table that is known to be there. One message.
pub(super) async fn read(
    conn: &mut PgConnection,
    table: &str,
) -> sqlx::Result<Vec<AppliedMigration>> {
    let query =
        format!("select version, description, checksum, applied_at from {table} order by version");
    let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            Ok(AppliedMigration {
                version: row.try_get(0)?,
                description: row.try_get(1)?,
                checksum: row.try_get(2)?,
                applied_at: row.try_get(3)?,
            })
        })
        .collect()
}
