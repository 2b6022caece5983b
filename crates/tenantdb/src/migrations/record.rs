//! Records what a schema has, where the ledger has no row of it.

use domain::{SchemaName, TenantId, Version};
use sqlx::{AssertSqlSafe, PgConnection};

use super::error::MigrateError;
use super::revert::Target;
use super::set::MigrationSet;
use crate::ledger::{self, AppliedMigration, Found, Reached};

/// Writes the tenant's missing row, in the caller's transaction: it has the set up to `at`. Without `at`
/// nothing is applied, which only an empty schema can have. The schema is not held against the set. Gives
/// the versions that the row now tells of, oldest first; `None` = there is a row.
///
/// # Errors
/// [`MigrateError::Unrecorded`] where the schema is not empty and `at` is missing,
/// [`MigrateError::Recorded`] where `at` is given and there is a row, [`MigrateError::NoSuchVersion`] where
/// `at` is none of the set.
pub async fn record(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
    at: Option<&Target>,
) -> Result<Option<Vec<Version>>, MigrateError> {
    let failed = |source| MigrateError::Database { source };
    let keeps = at.map_or(Ok(0), |at| at.keeps(set))?;
    let mut found = ledger::find(conn, &[(tenant, schema)]).await.map_err(failed)?;
    let Found { entry, unrecorded, .. } = found.remove(0);
    match entry {
        Some(entry) if at.is_some() => {
            return Err(MigrateError::Recorded { version: entry.version });
        }
        Some(_) => return Ok(None),
        None if unrecorded && at.is_none() => {
            return Err(MigrateError::Unrecorded { tenant, schema: schema.clone() });
        }
        None => {}
    }
    let has = set.iter().take(keeps);
    let versions = has.clone().map(|m| m.version().clone()).collect();
    let reached = Reached::at(set, has.map(AppliedMigration::from).collect());
    let record = reached.registration() + &reached.rows(&[tenant]);
    sqlx::raw_sql(AssertSqlSafe(record)).execute(conn).await.map_err(failed)?;
    Ok(Some(versions))
}
