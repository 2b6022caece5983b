//! Where a tenant and the session stand before a script runs, and after.

use domain::{SchemaName, TenantId};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use super::blame;
use super::error::MigrateError;
use super::script::Script;
use crate::ledger::{self, Entry, Found};
use crate::path::TenantPath;

/// What a script starts from.
#[derive(Debug)]
pub(super) struct State {
    /// The search path of tenants.
    pub(super) tenants: TenantPath,
    /// The search path to come back to.
    pub(super) path: String,
    /// The role that runs the migrations.
    actor: String,
    /// What the ledger says of the tenant.
    pub(super) entry: Option<Entry>,
    /// Whether the schema holds something that the ledger does not tell of.
    pub(super) unrecorded: bool,
}

impl State {
    /// Reads it. One message, where the tenant has its row.
    pub(super) async fn read(
        conn: &mut PgConnection,
        tenant: TenantId,
        schema: &SchemaName,
        tenants: TenantPath,
    ) -> sqlx::Result<Self> {
        let Found { path, actor, entry, unrecorded } = ledger::find(conn, tenant, schema).await?;
        Ok(Self { tenants, path, actor, entry, unrecorded })
    }

    /// Reads where the session stands, for schemas known to be empty. One message.
    pub(super) async fn of_session(
        conn: &mut PgConnection,
        tenants: TenantPath,
    ) -> sqlx::Result<Self> {
        let row = sqlx::query("select current_setting('search_path'), current_user::text")
            .fetch_one(conn)
            .await?;
        let (path, actor) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self { tenants, path, actor, entry: None, unrecorded: false })
    }

    /// Sends a script, and makes sure that it ended in the schema and role it began in.
    pub(super) async fn run(
        &self,
        conn: &mut PgConnection,
        schema: &SchemaName,
        script: Script<'_>,
    ) -> Result<(), MigrateError> {
        let Script { text, steps } = script;
        let row = sqlx::raw_sql(AssertSqlSafe(text))
            .fetch_all(conn)
            .await
            .map_err(|source| blame::name(source, &steps))?
            .pop()
            .ok_or(MigrateError::Escaped)?;
        self.stayed(schema, &row)
    }

    /// Makes sure that a script ended in the schema and role it began in: `row` is its last.
    pub(super) fn stayed(&self, schema: &SchemaName, row: &PgRow) -> Result<(), MigrateError> {
        let read = |at| row.try_get(at).map_err(|source| MigrateError::Database { source });
        let (current, path, actor): (Option<String>, Option<String>, Option<String>) =
            (read(0)?, read(1)?, read(2)?);
        let stayed = current.as_deref() == Some(schema.as_str())
            && path == Some(self.tenants.of(schema))
            && actor.as_ref() == Some(&self.actor);
        if stayed { Ok(()) } else { Err(MigrateError::Escaped) }
    }
}
