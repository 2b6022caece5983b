//! Takes a schema back to an older version.

use std::{fmt, str::FromStr};

use domain::{SchemaName, TenantId, Version};
use sqlx::PgConnection;

use super::apply::Moved;
use super::error::MigrateError;
use super::run::Move;
use super::segments;
use super::set::{Migration, MigrationSet};
use super::state::State;
use crate::ledger::{AppliedMigration, Reached};

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
    /// The number of migrations of the set that stay, from its beginning.
    ///
    /// # Errors
    /// [`MigrateError::NoSuchVersion`] where it is none of the set.
    pub fn keeps(&self, set: &MigrationSet) -> Result<usize, MigrateError> {
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
) -> Result<Moved, MigrateError> {
    let state = State::read(conn, tenant, schema, set.path()).await?;
    let mut had = in_order(&state, set)?;
    let keeps = match target {
        Some(target) => target.keeps(set)?,
        None => had.last().map_or(0, |(place, ..)| *place),
    };
    let newest = |had: &[Had<'_>]| had.last().map(|(_, m, _)| m.version().clone());
    let from = newest(&had);
    let newer = had.split_off(had.partition_point(|(place, ..)| *place < keeps));
    let to = newest(&had);
    let going_back = back(set, &state, newer, had);
    let reverted = going_back.versions();
    if !going_back.files.is_empty() {
        let files = going_back.files.iter().copied();
        segments::in_one_transaction(&segments::cut(files, true, |_| false))?;
        going_back.run(conn, tenant.into(), schema, set).await?;
    }
    Ok(Moved { from, to, reverted, ..Moved::default() })
}

/// What a schema has: the place in the set, the migration, and how it was recorded.
pub(super) type Had<'a> = (usize, &'a Migration, &'a AppliedMigration);

/// To take back `newer` and keep the others, both oldest first.
pub(super) fn back<'a>(
    set: &MigrationSet,
    state: &'a State,
    newer: Vec<Had<'a>>,
    kept: Vec<Had<'a>>,
) -> Move<'a> {
    let reached = Reached::at(set, kept.into_iter().map(|(.., had)| had.clone()).collect());
    let files = newer.into_iter().rev().map(|(_, m, _)| m).collect();
    Move { state, files, back: true, reached }
}

/// What the schema has, oldest first.
pub(super) fn in_order<'a>(
    state: &'a State,
    set: &'a MigrationSet,
) -> Result<Vec<Had<'a>>, MigrateError> {
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
    let mut had = applied.map(place).collect::<Result<Vec<_>, MigrateError>>()?;
    had.sort_by_key(|(place, ..)| *place);
    Ok(had)
}
