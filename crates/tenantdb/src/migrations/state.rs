//! Where a tenant and the session stand before a script runs, and after.

use domain::{SchemaName, TenantId};
use sqlx::{AssertSqlSafe, Column, FromRow, PgConnection, Row, postgres::PgRow};

use super::error::MigrateError;
use super::script::{self, LAST_ROW, Step};
use crate::ledger::{self, Entry, Found, Holder};
use crate::shared::TenantPath;

/// What a script starts from.
#[derive(Debug)]
pub(super) struct State {
    /// The search path of tenants.
    pub(super) tenants: TenantPath,
    /// The search path to come back to.
    pub(super) path: String,
    /// The role of the session.
    pub(super) actor: String,
    /// The role that migrations run as, if that is another one: the owner of a schema that was imported.
    pub(super) owner: Option<String>,
    /// What the ledger says of the tenant.
    pub(super) entry: Option<Entry>,
}

impl State {
    /// Reads it for a tenant, as [`read`](Self::read), or for the application.
    pub(super) async fn of(
        conn: &mut PgConnection,
        holder: Holder,
        schema: &SchemaName,
        tenants: TenantPath,
    ) -> Result<Self, MigrateError> {
        match holder {
            Holder::Tenant(tenant) => Self::read(conn, tenant, schema, tenants).await,
            Holder::Application => {
                let Found { path, actor, owner, entry, .. } =
                    ledger::find_application(conn).await?;
                Ok(Self { tenants, path, actor, owner, entry })
            }
        }
    }

    /// Reads it for a tenant, which has to have its row in the ledger unless its schema is empty.
    pub(super) async fn read(
        conn: &mut PgConnection,
        tenant: TenantId,
        schema: &SchemaName,
        tenants: TenantPath,
    ) -> Result<Self, MigrateError> {
        let mut all = Self::read_all(conn, &[(tenant, schema)], tenants).await?;
        Ok(all.remove(0))
    }

    /// The same for several. One message, where they have their rows.
    pub(super) async fn read_all(
        conn: &mut PgConnection,
        of: &[(TenantId, &SchemaName)],
        tenants: TenantPath,
    ) -> Result<Vec<Self>, MigrateError> {
        let found = ledger::find(conn, of).await?;
        let state = |(Found { path, actor, owner, entry, unrecorded }, of): (
            Found,
            &(TenantId, &SchemaName),
        )| {
            let (tenant, schema) = (of.0, of.1.clone());
            match unrecorded {
                true => Err(MigrateError::Unrecorded { tenant, schema }),
                false => Ok(Self { tenants, path, actor, owner, entry }),
            }
        };
        found.into_iter().zip(of).map(state).collect()
    }

    /// Reads where the session stands, for schemas known to be empty. One message.
    pub(super) async fn of_session(
        conn: &mut PgConnection,
        tenants: TenantPath,
    ) -> sqlx::Result<Self> {
        let (path, actor) =
            sqlx::query_as("select current_setting('search_path'), current_user::text")
                .fetch_one(conn)
                .await?;
        Ok(Self { tenants, path, actor, owner: None, entry: None })
    }

    /// Makes sure that a script ended in the schema and role it began in: `row` is its last.
    pub(super) fn stayed(&self, schema: &SchemaName, row: &PgRow) -> Result<(), MigrateError> {
        let (current, path, actor) =
            <(Option<String>, Option<String>, Option<String>)>::from_row(row)?;
        let stayed = current.as_deref() == Some(schema.as_str())
            && path == Some(self.tenants.of(schema))
            && actor.as_ref() == Some(self.owner.as_ref().unwrap_or(&self.actor));
        if stayed { Ok(()) } else { Err(MigrateError::Escaped) }
    }
}

/// Sends a text unless it is empty, and makes sure that the script of each schema in it ended in the schema
/// and role it began in. An error is named by one of the `steps`.
pub(super) async fn send<'s>(
    conn: &mut PgConnection,
    text: String,
    schemas: impl IntoIterator<Item = (&'s State, &'s SchemaName)>,
    steps: &[Step<'_>],
) -> Result<(), MigrateError> {
    if text.is_empty() {
        return Ok(());
    }
    let sent = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(conn).await;
    let rows = sent.map_err(|source| script::blame(source, steps))?;
    let is_last = |row: &&PgRow| row.columns().first().map(Column::name) == Some(LAST_ROW);
    let mut ends = rows.iter().filter(is_last);
    for (state, schema) in schemas {
        state.stayed(schema, ends.next().ok_or(MigrateError::Escaped)?)?;
    }
    Ok(())
}
