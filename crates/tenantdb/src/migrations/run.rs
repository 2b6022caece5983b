//! Takes a tenant through one segment.

use domain::{SchemaName, TenantId, Version};
use sqlx::{AssertSqlSafe, PgConnection};

use super::apply;
use super::error::MigrateError;
use super::revert;
use super::script;
use super::segments::{self, Segment};
use super::set::{Migration, MigrationSet};
use super::state::State;
use crate::ledger::Reached;

/// The versions that the segment has for the tenant to apply, or to take back, in the order in which they
/// run. Nothing is run.
///
/// # Errors
/// As [`run_segment`].
pub async fn outstanding(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
) -> Result<Vec<Version>, MigrateError> {
    let state = read(conn, tenant, schema, set).await?;
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
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
) -> Result<Vec<Version>, MigrateError> {
    segments::in_one_transaction(std::slice::from_ref(segment))?;
    let state = read(conn, tenant, schema, set).await?;
    let through = Move::through(segment, set, &state)?;
    through.run(conn, tenant, schema, set).await?;
    Ok(through.versions())
}

/// Writes the tenant's row in the ledger as [`run_segment`] does, and runs nothing: for a segment that
/// [`run_no_transaction`](super::run_no_transaction) ran.
///
/// # Errors
/// As [`run_segment`].
pub async fn record_segment(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
) -> Result<Vec<Version>, MigrateError> {
    let state = read(conn, tenant, schema, set).await?;
    let through = Move::through(segment, set, &state)?;
    through.record(conn, tenant).await?;
    Ok(through.versions())
}

/// What the ledger says, in which the tenant has to have its row unless its schema is empty.
async fn read(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
) -> Result<State, MigrateError> {
    let state = State::read(conn, tenant, schema, set.path()).await;
    let state = state.map_err(|source| MigrateError::Database { source })?;
    if state.unrecorded {
        return Err(MigrateError::Unrecorded { tenant, schema: schema.clone() });
    }
    Ok(state)
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
        let wanted = |m: &Migration| holds(&segment.files, m);
        if segment.back {
            let had = revert::in_order(state, set)?;
            let (files, kept) = had.into_iter().partition(|(_, m, _)| wanted(m));
            Ok(revert::back(set, state, files, kept))
        } else {
            let standing = apply::standing(set, state)?;
            Ok(apply::forward(set, state, &standing.missing, wanted))
        }
    }

    fn versions(&self) -> Vec<Version> {
        self.files.iter().map(|m| m.version().clone()).collect()
    }

    pub(super) async fn run(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        schema: &SchemaName,
        set: &MigrationSet,
    ) -> Result<(), MigrateError> {
        if self.files.is_empty() {
            return self.record(conn, tenant).await;
        }
        let record = self.reached.registration() + &self.reached.rows(&[tenant]);
        let script = if self.back {
            let back = revert::ways_back(&self.files)?;
            script::down(schema, self.state, &back, set.defers(), &record)
        } else {
            script::up(schema, self.state, &self.files, set.defers(), &record)
        };
        self.state.run(conn, schema, script).await
    }

    /// Writes the tenant's row where it says something else.
    async fn record(&self, conn: &mut PgConnection, tenant: TenantId) -> Result<(), MigrateError> {
        if self.state.entry.as_ref().is_some_and(|entry| self.reached.is(entry)) {
            return Ok(());
        }
        let record = self.reached.registration() + &self.reached.rows(&[tenant]);
        let written = sqlx::raw_sql(AssertSqlSafe(record)).execute(conn).await;
        written.map(drop).map_err(|source| MigrateError::Database { source })
    }
}

pub(super) fn holds(files: &[&Migration], file: &Migration) -> bool {
    files.iter().any(|one| one.version() == file.version())
}
