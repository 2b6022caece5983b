//! Brings a schema to the newest version.

use domain::{SchemaName, TenantId, Version};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::compare::Standing;
use super::error::MigrateError;
use super::run::{Move, holds, rows};
use super::script::{self, Script};
use super::segments;
use super::set::{Migration, MigrationSet};
use super::state::{State, send};
use crate::ledger::{AppliedMigration, Entry, Reached};

/// Tenants that one message of a migration of several migrates, at most.
const A_FEW: usize = 4;

/// What was done to a schema. What a worker of an earlier release did not record is as if it had not been.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Moved {
    /// The newest version before, by its place in the set.
    pub from: Option<Version>,
    /// The newest version now.
    pub to: Option<Version>,
    /// What was applied, oldest first.
    pub applied: Vec<Version>,
    /// Those of the applied that are older than `from`: they came into the set later.
    pub out_of_order: Vec<Version>,
    /// What was taken back, newest first.
    pub reverted: Vec<Version>,
    /// Whether the role's search path was another one, of other extensions, as
    /// [`complete`](crate::grants::complete) says.
    pub path_changed: bool,
}

/// Applies what the tenant's schema lacks, in the caller's transaction, and writes its row in the ledger.
/// One message applies all migrations, whatever their number. Holds the checksums of what was applied
/// before.
///
/// It looks only into this schema while it runs, and leaves the search path as it found it.
///
/// # Errors
/// [`MigrateError`] names the version, the file and where possible the line. The transaction is
/// to be rolled back then, which leaves nothing. [`MigrateError::Unrecorded`] where the tenant has no row
/// and its schema is not empty; [`MigrateError::SeveralTransactions`] and
/// [`MigrateError::NotOneTransaction`] where one transaction is not enough: [`super::run_segment`].
pub async fn apply(
    conn: &mut PgConnection,
    tenant: TenantId,
    schema: &SchemaName,
    set: &MigrationSet,
) -> Result<Moved, MigrateError> {
    let state = State::read(conn, tenant, schema, set.path()).await?;
    let (up, done) = up(set, &state)?;
    up.run(conn, tenant.into(), schema, set).await?;
    Ok(done)
}

/// [`apply`] for several tenants. One message reads where they stand, and each further one migrates a few of
/// them. The caller may wait in `before`, which comes before each of those. The set is one that a
/// [`Promise`](crate::Promise) was learnt of: it has been applied before, and no file of it ends the transaction.
///
/// # Errors
/// As [`apply`]; whose schema, file and line it was is not told.
pub async fn apply_together<F: Future<Output = ()>>(
    conn: &mut PgConnection,
    tenants: &[(TenantId, &SchemaName)],
    set: &MigrationSet,
    before: impl Fn() -> F,
) -> Result<Vec<Moved>, MigrateError> {
    let states = State::read_all(conn, tenants, set.path()).await?;
    let (mut moves, mut done) = (Vec::new(), Vec::new());
    for ((tenant, _), state) in tenants.iter().zip(&states) {
        let (up, applied) = up(set, state)?;
        moves.push((*tenant, up));
        done.push(applied);
    }
    for (tenants, moves) in tenants.chunks(A_FEW).zip(moves.chunks(A_FEW)) {
        let to_run = || tenants.iter().zip(moves).filter(|(_, (_, up))| !up.files.is_empty());
        let texts = to_run().map(|((_, schema), (_, up))| (*schema, up.state, &up.files[..]));
        let text = script::plain(texts, set.defers(), &rows(moves));
        before().await;
        send(conn, text, to_run().map(|((_, schema), (_, up))| (up.state, *schema)), &[]).await?;
    }
    Ok(done)
}

/// To apply what a schema lacks, and what comes of it.
fn up<'s>(set: &'s MigrationSet, state: &'s State) -> Result<(Move<'s>, Moved), MigrateError> {
    let standing = standing(set, state)?;
    let pending = &standing.missing;
    if standing.newest.is_some() {
        segments::in_one_transaction(&standing.segments(set))?;
    } else {
        // in a new schema the tables are empty: an index locks out nobody
        in_one(set)?;
    }
    let done = Moved {
        from: standing.newest.cloned(),
        // All of the set is there then.
        to: set.head().cloned(),
        applied: pending.iter().map(|m| m.version().clone()).collect(),
        out_of_order: standing.out_of_order(set),
        ..Moved::default()
    };
    Ok((forward(set, state, pending, |_| true), done))
}

/// Runs files of the set in the order given, or their ways `back`, in a schema that is no tenant's. Two
/// messages. A file without a way back is passed over.
///
/// # Errors
/// As [`apply`].
pub(crate) async fn build(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
    files: &[&Migration],
    back: bool,
) -> Result<(), MigrateError> {
    let state = State::of_session(conn, set.path()).await?;
    let ways: Vec<_> =
        files.iter().filter_map(|file| Some((file.version(), file.way(back)?))).collect();
    let Script { text, steps } = script::script(schema, &state, &ways, set.defers());
    send(conn, text, [(&state, schema)], &steps).await
}

/// Applies the set to schemas in which nothing is, and runs the statements of `record`, all in one message
/// after a first that looks where the session stands. The set must have been applied by [`build`] somewhere
/// before.
///
/// # Errors
/// As [`apply`]; which schema, file and line it was is not told.
/// [`MigrateError::NotOneTransaction`] where the set is not one that can be applied so.
pub(crate) async fn apply_to_empty(
    conn: &mut PgConnection,
    schemas: &[&SchemaName],
    set: &MigrationSet,
    record: &str,
) -> Result<(), MigrateError> {
    in_one(set)?;
    let state = State::of_session(conn, set.path()).await?;
    let all: Vec<&Migration> = set.iter().collect();
    let texts = schemas.iter().map(|schema| (*schema, &state, &all[..]));
    let script = script::plain(texts, set.defers(), record);
    send(conn, script, schemas.iter().map(|schema| (&state, *schema)), &[]).await
}

fn in_one(set: &MigrationSet) -> Result<(), MigrateError> {
    if set.is_one_transaction() { Ok(()) } else { Err(MigrateError::NotOneTransaction) }
}

/// How the tenant stands to the set, which has to be the one that was applied.
pub(super) fn standing<'s>(
    set: &'s MigrationSet,
    state: &State,
) -> Result<Standing<'s>, MigrateError> {
    let standing = set.compare(state.entry.iter().flat_map(Entry::records));
    if let Some(version) = standing.unknown.first() {
        return Err(MigrateError::Unknown { version: version.clone() });
    }
    match standing.edited.first() {
        Some(edited) => Err(MigrateError::Edited { version: edited.version().clone() }),
        None => Ok(standing),
    }
}

/// To apply those of the missing that are `wanted`.
pub(super) fn forward<'r>(
    set: &'r MigrationSet,
    state: &'r State,
    missing: &[&'r Migration],
    wanted: impl Fn(&Migration) -> bool,
) -> Move<'r> {
    let has = set.iter().filter(|m| wanted(m) || !holds(missing, m));
    let reached = Reached::at(set, has.map(AppliedMigration::from).collect());
    let files = missing.iter().copied().filter(|m| wanted(m)).collect();
    Move { state, files, back: false, reached }
}
