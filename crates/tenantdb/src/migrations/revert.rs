//! Takes a schema back to an older version.

use domain::SchemaName;
use sqlx::PgConnection;

use super::apply::run;
use super::error::MigrateError;
use super::script;
use super::set::MigrationSet;

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
/// caller's transaction and in one message. Without a target it takes back the newest one.
///
/// # Errors
/// As [`super::apply()`]; [`MigrateError::Irreversible`] where a file to go back is missing.
pub async fn revert(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
    target: Option<i64>,
) -> Result<Reverted, MigrateError> {
    let had = run(conn, script::down(schema, set, target)).await?;
    let from = had.last().copied().unwrap_or(0);
    let second = had.len().checked_sub(2).map_or(0, |at| had[at]);
    let goal = target.unwrap_or(second);
    let kept: Vec<i64> = had.iter().copied().filter(|v| *v <= goal).collect();
    Ok(Reverted { from, to: kept.last().copied().unwrap_or(0), count: had.len() - kept.len() })
}
