//! Learns where a transaction has to end between two files that do not say so: before the first that uses
//! a value which an earlier one adds to an enum.
//!
//! From PostgreSQL 17 on, a value of a type that the same transaction made may be used at once. A tenant that
//! has the type already needs the boundary all the same, so what is before a file that adds a value is
//! committed first.

use std::collections::BTreeSet;
use std::ops::Range;

use domain::{SchemaName, Version};
use sqlx::{Connection as _, PgConnection};

use super::apply::build;
use super::error::MigrateError;
use super::no_transaction::rehearse;
use super::set::{Migration, MigrationSet};
use crate::scratch::{self, Scope, Scratch};

/// The versions before which a transaction has to end, beside those that the files mark. Applies the set,
/// in transactions of its own, in a scratch schema that is dropped afterwards; none is made for a set that
/// adds no value to an enum.
///
/// # Errors
/// As [`apply()`](super::apply()): a set that fails here would fail in every tenant.
pub async fn boundaries(
    conn: &mut PgConnection,
    set: &MigrationSet,
) -> Result<Vec<Version>, MigrateError> {
    if !set.iter().any(adds_a_value) {
        return Ok(Vec::new());
    }
    let scratch = Scratch::create(conn).await?;
    let files: Vec<&Migration> = set.iter().collect();
    let mut learner = Learner { set, files, scratch: &scratch, boundaries: BTreeSet::new() };
    let learnt = learner.all(conn).await;
    let places = learner.boundaries;
    let dropped = scratch.drop(conn).await;
    learnt?;
    dropped?;
    let version = |(place, file): (usize, &Migration)| {
        places.contains(&place).then(|| file.version().clone())
    };
    Ok(set.iter().enumerate().filter_map(version).collect())
}

/// The set with its boundaries, which are learnt unless it has them.
///
/// # Errors
/// As [`boundaries`].
pub(crate) async fn cut(
    conn: &mut PgConnection,
    set: &MigrationSet,
) -> Result<MigrationSet, MigrateError> {
    Ok(match set.boundaries {
        Some(_) => set.clone(),
        None => set.clone().cut_before(&boundaries(conn, set).await?),
    })
}

/// Applies the set segment by segment, each committed, in a schema that nobody uses.
///
/// # Errors
/// As [`apply()`](super::apply()).
pub(crate) async fn build_segments(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
) -> Result<(), MigrateError> {
    for segment in set.segments() {
        if segment.is_in_transaction() {
            let mut tx = conn.begin().await?;
            scratch::limit_time(&mut tx, Scope::Transaction).await?;
            build(&mut tx, schema, set, &segment.files, false).await?;
            tx.commit().await?;
        } else {
            for file in segment.files() {
                rehearse(conn, schema, set, file, false).await?;
            }
        }
    }
    Ok(())
}

struct Learner<'l> {
    set: &'l MigrationSet,
    files: Vec<&'l Migration>,
    scratch: &'l Scratch,
    boundaries: BTreeSet<usize>,
}

/// What becomes of a transaction that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
}

impl Learner<'_> {
    async fn all(&mut self, conn: &mut PgConnection) -> Result<(), MigrateError> {
        let mut from = 0;
        for at in 0..self.files.len() {
            let alone = self.is_alone(at);
            if alone || self.boundaries.contains(&at) || adds_a_value(self.files[at]) {
                self.commit(conn, from..at).await?;
                from = at;
            }
            if alone {
                rehearse(conn, &self.scratch.name, self.set, self.files[at], false).await?;
                from = at + 1;
            } else if adds_a_value(self.files[at]) {
                let ends = |at: &usize| self.is_alone(*at) || self.boundaries.contains(at);
                let end = (at + 1..self.files.len()).find(ends).unwrap_or(self.files.len());
                let unsafe_use = self.attempt(conn, at..end, End::Rollback).await?;
                self.boundaries.extend(unsafe_use);
            }
        }
        self.commit(conn, from..self.files.len()).await
    }

    fn is_alone(&self, at: usize) -> bool {
        self.files[at].up.statements.is_some()
    }

    /// Applies the files and commits, with a new boundary wherever the server wants one.
    async fn commit(
        &mut self,
        conn: &mut PgConnection,
        mut files: Range<usize>,
    ) -> Result<(), MigrateError> {
        while let Some(at) = self.attempt(conn, files.clone(), End::Commit).await? {
            self.boundaries.insert(at);
            self.attempt(conn, files.start..at, End::Commit).await?;
            files.start = at;
        }
        Ok(())
    }

    /// Applies the files in one transaction. Gives the place of the file before which it has to end: then
    /// nothing is applied.
    async fn attempt(
        &self,
        conn: &mut PgConnection,
        files: Range<usize>,
        end: End,
    ) -> Result<Option<usize>, MigrateError> {
        let mut tx = conn.begin().await?;
        scratch::limit_time(&mut tx, Scope::Transaction).await?;
        let texts = &self.files[files.clone()];
        let error = match build(&mut tx, &self.scratch.name, self.set, texts, false).await {
            Ok(()) if end == End::Commit => {
                tx.commit().await?;
                return Ok(None);
            }
            built => built.err(),
        };
        tx.rollback().await?;
        let Some(error) = error else { return Ok(None) };
        let place = error.unsafe_enum().and_then(|version| self.set.place(version));
        place.filter(|place| *place > files.start).map(Some).ok_or(error)
    }
}

/// Whether its text may hold ALTER TYPE … ADD VALUE, wherever.
fn adds_a_value(migration: &Migration) -> bool {
    let text = migration.sql().to_ascii_lowercase();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.windows(2).any(|pair| pair[0].ends_with("add") && pair[1].starts_with("value"))
}
