//! Runs a file outside any transaction, statement by statement, so that a run after a crash ends as if
//! there had been none.
//!
//! The file begins anew then. What a statement left half made is dropped first; where the server says that
//! what a statement makes is there already, or what it drops is gone, an earlier run has done it: in a
//! schema as the set makes it, the statement succeeds the first time. `lint` refuses all others.

use std::time::Duration;

use domain::SchemaName;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::error::MigrateError;
use super::script;
use super::segments::Segment;
use super::set::{Migration, MigrationSet};
use super::state::State;
use crate::ident::{Ident, literal, run};
use crate::imports;
use crate::lint::{Leftover, Statement};
use crate::scratch::{self, Scope};

const LEFTOVERS: &str = include_str!("../queries/invalid_indexes.sql");

/// How long one statement may wait and run.
#[derive(Debug, Clone, Copy)]
pub struct StatementLimits {
    /// Longest run, its waits included, where the file asks for no other.
    pub statement: Duration,
    /// Longest wait for a lock. Not of a statement with CONCURRENTLY, which locks nobody out while it
    /// waits for all older transactions.
    pub lock: Duration,
}

/// Runs the file of a segment outside any transaction. Takes the session and closes it, so that nothing of
/// it is left to another tenant. Ask [`outstanding`](super::outstanding) first whether the tenant lacks the
/// file, and write its row with [`record_segment`](super::record_segment) afterwards.
///
/// Dropped while it runs, it leaves the server at work until the statement or its limit ends.
///
/// # Errors
/// [`MigrateError`] names version, file and line. What was done before stays, and the next run goes on.
pub async fn run_no_transaction(
    mut session: PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
    segment: &Segment<'_>,
    limits: StatementLimits,
) -> Result<(), MigrateError> {
    let mut done = enter(&mut session, schema, set).await;
    for migration in segment.files() {
        if let Ok(state) = &done {
            let of = Run { state, schema, migration, back: segment.back };
            if let Err(error) = of.all(&mut session, limits).await {
                done = Err(error);
            }
        }
    }
    let closed = session.close().await;
    done?;
    Ok(closed?)
}

/// Runs a file, or its way `back`, in an unused schema and without CONCURRENTLY. The session's settings are
/// restored.
pub(crate) async fn rehearse(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
    migration: &Migration,
    back: bool,
) -> Result<(), MigrateError> {
    let limited = scratch::limit_time(conn, Scope::Session).await?;
    let state = enter(conn, schema, set).await?;
    let of = Run { state: &state, schema, migration, back };
    let mut done = Ok(());
    for statement in of.statements() {
        if done.is_ok() {
            done = match run(conn, statement.plain.as_str()).await {
                Ok(()) => of.stayed(conn).await,
                Err(source) => Err(of.failed(statement, source)),
            };
        }
    }
    let mut left = vec![set_config("search_path", &state.path)];
    left.extend(limited.iter().map(|limit| set_config(limit, "0")));
    let left = run(conn, format!("select {}", left.join(", "))).await;
    done?;
    Ok(left?)
}

/// Makes the schema the one that names are looked up in, for the session.
async fn enter(
    conn: &mut PgConnection,
    schema: &SchemaName,
    set: &MigrationSet,
) -> Result<State, MigrateError> {
    let mut state = State::of_session(conn, set.path()).await?;
    state.owner = imports::owner(conn, schema).await?;
    run(conn, script::enter(schema, &state, false)).await?;
    Ok(state)
}

struct Run<'r> {
    state: &'r State,
    schema: &'r SchemaName,
    migration: &'r Migration,
    back: bool,
}

impl Run<'_> {
    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.migration.way(self.back).and_then(|way| way.statements.as_ref()).into_iter().flatten()
    }

    async fn all(
        &self,
        conn: &mut PgConnection,
        limits: StatementLimits,
    ) -> Result<(), MigrateError> {
        let asked = self.migration.way(self.back).and_then(|way| way.timeout);
        let limits = StatementLimits { statement: asked.unwrap_or(limits.statement), ..limits };
        for statement in self.statements() {
            run(conn, limits.text(statement)).await?;
            self.drop_leftovers(conn, statement).await?;
            if let Err(source) = run(conn, statement.sql.as_str()).await
                && !is_done(statement, &source)
            {
                // The index that could not be finished. If this fails too, the next run drops it.
                self.drop_leftovers(conn, statement).await.ok();
                return Err(self.failed(statement, source));
            }
            self.stayed(conn).await?;
        }
        Ok(())
    }

    async fn drop_leftovers(
        &self,
        conn: &mut PgConnection,
        statement: &Statement,
    ) -> Result<(), MigrateError> {
        let name = match &statement.leftover {
            None => return Ok(()),
            Some(Leftover::Index(name)) => Some(name),
            Some(Leftover::Reindexed) => None,
        };
        let invalid: Vec<String> = sqlx::query_scalar(LEFTOVERS)
            .bind(self.schema.as_str())
            .bind(name)
            .fetch_all(&mut *conn)
            .await?;
        for index in invalid {
            let (schema, index) = (Ident::from(self.schema), Ident::quote(&index));
            let dropped = run(conn, format!("drop index concurrently {schema}.{index}")).await;
            dropped.map_err(|source| self.failed(statement, source))?;
        }
        Ok(())
    }

    /// Makes sure that the next statement runs in the same schema, as the same role.
    async fn stayed(&self, conn: &mut PgConnection) -> Result<(), MigrateError> {
        let stands = format!("select {}", script::stands(self.schema));
        let row = sqlx::raw_sql(AssertSqlSafe(stands)).fetch_one(conn).await?;
        self.state.stayed(self.schema, &row)
    }

    fn failed(&self, statement: &Statement, source: sqlx::Error) -> MigrateError {
        let before = place(&source).map_or(0, |at| {
            statement.sql.chars().take(at.saturating_sub(1)).filter(|c| *c == '\n').count()
        });
        let file = self.migration.way(self.back).map_or("", |way| &way.file).to_owned();
        let line = u32::try_from(before).ok().map(|before| statement.line + before);
        MigrateError::Failed { version: self.migration.version().clone(), file, line, source }
    }
}

impl StatementLimits {
    fn text(self, statement: &Statement) -> String {
        let lock = if statement.is_concurrent() { Duration::ZERO } else { self.lock };
        let limit = |name, limit: Duration| set_config(name, &limit.as_millis().to_string());
        let (statement, lock) =
            (limit("statement_timeout", self.statement), limit("lock_timeout", lock));
        format!("select {statement}, {lock}")
    }
}

fn set_config(name: &str, value: &str) -> String {
    format!("set_config({}, {}, false)", literal(name), literal(value))
}

fn is_done(statement: &Statement, error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| statement.done.contains(&code.as_ref()))
}

/// Where in the statement, in characters from 1.
fn place(error: &sqlx::Error) -> Option<usize> {
    match error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.position()? {
        PgErrorPosition::Original(at) => Some(at),
        PgErrorPosition::Internal { .. } => None,
    }
}
