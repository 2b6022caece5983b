//! Takes a tenant through one segment, and writes its row in the ledger.

use std::borrow::Borrow;

use domain::{SchemaName, TenantId, Version};
use sqlx::PgConnection;

use super::apply;
use super::error::MigrateError;
use super::revert::{self, Target};
use super::script::{self, Script};
use super::segments::{self, Segment};
use super::set::{Migration, MigrationSet};
use super::state::{State, send};
use crate::ident;
use crate::ledger::{self, AppliedMigration, Holder, Reached};

/// The versions that the segment has for the tenant to apply, or to take back, in the order in which they
/// run. Nothing is run.
///
/// # Errors
/// As [`run_segment`].
pub async fn outstanding(
    conn: &mut PgConnection,
    holder: impl Into<Holder>,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
) -> Result<Vec<Version>, MigrateError> {
    let holder = holder.into();
    let state = State::of(conn, holder, schema, set.path()).await?;
    Ok(Move::through(segment, set, &state)?.versions())
}

/// Takes the tenant through a segment, in the caller's transaction and in one message, and writes its row
/// in the ledger. The segments before it have been run. Gives what was applied or taken back: nothing,
/// where the tenant has been through.
///
/// # Errors
/// As [`apply()`](super::apply()) and [`revert()`](super::revert()); [`MigrateError::SeveralTransactions`]
/// for a segment that runs outside any transaction.
pub async fn run_segment(
    conn: &mut PgConnection,
    holder: impl Into<Holder>,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
) -> Result<Vec<Version>, MigrateError> {
    segments::in_one_transaction(std::slice::from_ref(segment))?;
    let holder = holder.into();
    let state = State::of(conn, holder, schema, set.path()).await?;
    let through = Move::through(segment, set, &state)?;
    through.run(conn, holder, schema, set).await?;
    Ok(through.versions())
}

/// Writes the tenant's row in the ledger as [`run_segment`] does, and runs nothing: for a segment that
/// [`run_no_transaction`](super::run_no_transaction) ran.
///
/// # Errors
/// As [`run_segment`].
pub async fn record_segment(
    conn: &mut PgConnection,
    holder: impl Into<Holder>,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
) -> Result<Vec<Version>, MigrateError> {
    let holder = holder.into();
    let state = State::of(conn, holder, schema, set.path()).await?;
    let through = Move::through(segment, set, &state)?;
    let versions = through.versions();
    send(conn, through.record(holder, schema), [], &[]).await?;
    Ok(versions)
}

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
    let keeps = at.map_or(Ok(0), |at| at.keeps(set))?;
    let found = ledger::find(conn, &[(tenant, schema)]).await?.remove(0);
    match found.entry {
        Some(entry) if at.is_some() => {
            return Err(MigrateError::Recorded { version: entry.version });
        }
        Some(_) => return Ok(None),
        None if found.unrecorded && at.is_none() => {
            return Err(MigrateError::Unrecorded { tenant, schema: schema.clone() });
        }
        None => {}
    }
    let has = set.iter().take(keeps);
    let versions = has.clone().map(|m| m.version().clone()).collect();
    let reached = Reached::at(set, has.map(AppliedMigration::from).collect());
    ident::run(conn, reached.registration() + &reached.rows(&[tenant])).await?;
    Ok(Some(versions))
}

/// Files to run for a tenant, and what it has afterwards.
pub(super) struct Move<'r> {
    pub(super) state: &'r State,
    /// In the order in which they run.
    pub(super) files: Vec<&'r Migration>,
    pub(super) back: bool,
    pub(super) reached: Reached,
}

impl<'r> Move<'r> {
    fn through(
        segment: &Segment<'r>,
        set: &'r MigrationSet,
        state: &'r State,
    ) -> Result<Self, MigrateError> {
        let wanted = |m: &Migration| holds(&segment.files, set.in_place_of(m));
        if segment.back {
            let had = revert::in_order(state, set)?;
            let (files, kept) = had.into_iter().partition(|(_, m, _)| wanted(m));
            Ok(revert::back(set, state, files, kept))
        } else {
            let standing = apply::standing(set, state)?;
            let through = apply::forward(set, state, &standing.missing, wanted);
            if segment.is_in_transaction() {
                let files = through.files.iter().copied();
                segments::in_one_transaction(&segments::cut(files, false, |_| false))?;
            }
            Ok(through)
        }
    }

    pub(super) fn versions(&self) -> Vec<Version> {
        self.files.iter().map(|m| m.version().clone()).collect()
    }

    /// The statements that write the row of what is there afterwards.
    fn record(&self, holder: Holder, schema: &SchemaName) -> String {
        match holder {
            Holder::Tenant(tenant) => rows(&[(tenant, self)]),
            Holder::Application => {
                self.reached.registration() + &self.reached.application_row(schema)
            }
        }
    }

    /// Runs them, in one message, and writes the tenant's row in the ledger. That comes first: what a file
    /// leaves us as, role or path, then harms nothing but itself.
    pub(super) async fn run(
        &self,
        conn: &mut PgConnection,
        holder: Holder,
        schema: &SchemaName,
        set: &MigrationSet,
    ) -> Result<(), MigrateError> {
        let rows = self.record(holder, schema);
        if self.files.is_empty() {
            return send(conn, rows, [], &[]).await;
        }
        let mut ways = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let version = file.version();
            let irreversible = || MigrateError::Irreversible { version: version.clone() };
            ways.push((version, file.way(self.back).ok_or_else(irreversible)?));
        }
        let Script { text, steps } = script::script(schema, self.state, &ways, set.defers());
        send(conn, rows + &text, [(self.state, schema)], &steps).await
    }
}

/// The statements that write the rows of those tenants that have reached another place.
pub(super) fn rows<'m>(moves: &[(TenantId, impl Borrow<Move<'m>>)]) -> String {
    let mut places: Vec<(&Reached, Vec<TenantId>)> = Vec::new();
    for (tenant, one) in moves {
        let one = one.borrow();
        if one.state.entry.as_ref().is_some_and(|entry| one.reached.is(entry)) {
            continue;
        }
        match places.iter_mut().find(|(reached, _)| reached.is_as(&one.reached)) {
            Some((_, tenants)) => tenants.push(*tenant),
            None => places.push((&one.reached, vec![*tenant])),
        }
    }
    let text = |(reached, tenants): &(&Reached, Vec<TenantId>)| {
        reached.registration() + &reached.rows(tenants)
    };
    places.iter().map(text).collect()
}

pub(super) fn holds(files: &[&Migration], file: &Migration) -> bool {
    files.iter().any(|one| one.version() == file.version())
}
