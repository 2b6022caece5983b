//! Takes a schema back to an older version.

use std::{fmt, str::FromStr};

use domain::{SchemaName, TenantId, Version};
use sqlx::PgConnection;

use super::apply::in_transaction;
use super::error::MigrateError;
use super::script::{self, Back};
use super::set::{Migration, MigrationSet};
use super::state::State;
use crate::ledger::{AppliedMigration, Reached};

/// What [`revert`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reverted {
    /// The newest version before, by its place in the set.
    pub from: Option<Version>,
    /// The newest version now.
    pub to: Option<Version>,
    /// What was taken back, newest first.
    pub reverted: Vec<Version>,
}

/// How far to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Before the first migration.
    Start,
    /// To this version, which stays.
    Version(Version),
}

impl FromStr for Target {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "none" { Self::Start } else { Self::Version(Version::new(text)) })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("none"),
            Self::Version(version) => version.fmt(f),
        }
    }
}

impl Target {
    /// The number of migrations of the set that stay.
    pub(super) fn keeps(&self, set: &MigrationSet) -> Result<usize, MigrateError> {
        let Self::Version(version) = self else { return Ok(0) };
        match set.place(version) {
            Some(place) => Ok(place + 1),
            // 0 is a version of its own only in a set that has it
            None if *version == "0" => Ok(0),
            None => Err(MigrateError::NoSuchVersion { version: version.clone() }),
        }
    }
}

/// Runs the way back of every applied migration that the target does not keep, newest first, in the
/// caller's transaction and in one message, and writes the tenant's row in the ledger. Without a target
/// it takes back the newest one. Checksums are not held: going back is how an edited migration is mended.
///
/// # Errors
/// As [`super::apply()`]; [`MigrateError::Irreversible`] where a way back is missing,
/// [`MigrateError::NoSuchVersion`] where the target is none of the set.
pub async fn revert(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
    target: Option<&Target>,
) -> Result<Reverted, MigrateError> {
    let state = State::read(conn, tenant, schema, set.path()).await;
    let state = state.map_err(|source| MigrateError::Database { source })?;
    let had = in_order(&state, set)?;
    let keeps = match target {
        Some(target) => target.keeps(set)?,
        None => had.last().map_or(0, |(place, ..)| *place),
    };
    let at = had.partition_point(|(place, ..)| *place < keeps);
    let (kept, newer) = had.split_at(at);
    let back = newer.iter().rev().map(|(_, m, _)| way_back(m));
    let back = back.collect::<Result<Vec<_>, _>>()?;
    if !back.is_empty() {
        let reached = Reached::at(set, kept.iter().map(|(.., had)| (*had).clone()).collect());
        let record = reached.registration() + &reached.rows(&[tenant]);
        state.run(conn, schema, script::down(schema, &state, &back, set.defers(), &record)).await?;
    }
    let newest = |had: &[(usize, &Migration, _)]| had.last().map(|(_, m, _)| m.version().clone());
    let reverted = newer.iter().rev().map(|(_, m, _)| m.version().clone()).collect();
    Ok(Reverted { from: newest(&had), to: newest(kept), reverted })
}

/// What the schema has, each with its place in the set and as it was recorded, oldest first.
fn in_order<'a>(
    state: &'a State,
    set: &'a MigrationSet,
) -> Result<Vec<(usize, &'a Migration, &'a AppliedMigration)>, MigrateError> {
    let place = |record: &'a AppliedMigration| {
        let found = set
            .iter()
            .enumerate()
            .find(|(_, m)| m.is_recorded_as(&record.version, &record.checksum));
        let (place, migration) =
            found.ok_or_else(|| MigrateError::Unknown { version: record.version.clone() })?;
        Ok((place, migration, record))
    };
    let applied = state.entry.iter().flat_map(|entry| &entry.applied);
    let mut had = applied.map(place).collect::<Result<Vec<_>, _>>()?;
    had.sort_by_key(|(place, ..)| *place);
    Ok(had)
}

fn way_back(migration: &Migration) -> Result<Back<'_>, MigrateError> {
    let version = migration.version();
    let down =
        migration.down().ok_or_else(|| MigrateError::Irreversible { version: version.clone() })?;
    in_transaction(version, &down.file, down.outside)?;
    Ok(Back { version, file: &down.file, sql: &down.sql })
}
