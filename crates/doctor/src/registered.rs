//! A tenant's row in the registry: its state and its names, which may have been edited by hand.

use std::time::Duration;

use domain::{RoleName, SchemaName, TenantId};
use sqlx::PgConnection;
use store::StageLimits;

/// A repair waits for a worker's stage no longer than this.
const LIMITS: StageLimits = StageLimits {
    statement: Duration::from_secs(120),
    lock: Duration::from_secs(10),
    silence: Duration::from_secs(5),
};

/// A registered tenant, as far as its state and its names go.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Registered {
    pub(crate) state: String,
    pub(crate) schema_name: String,
    pub(crate) role_name: String,
}

impl Registered {
    /// Whether nothing of it may be there any more.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state.as_str(), "deleted" | "released")
    }

    pub(crate) fn names(&self) -> sqlx::Result<(SchemaName, RoleName)> {
        names(&self.schema_name, &self.role_name).map_err(|e| sqlx::Error::Decode(Box::new(e)))
    }
}

/// Keeps workers off the tenant until the transaction ends: the first lock of a transaction.
pub(crate) async fn lock(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<()> {
    store::open_stage(conn, &[id], LIMITS).await
}

/// Keeps workers off the tenant until the transaction ends, and locks its row, if there is one: no
/// retry can reserve a released tenant's names again in between.
pub(crate) async fn hold(
    conn: &mut PgConnection,
    id: TenantId,
) -> sqlx::Result<Option<Registered>> {
    lock(conn, id).await?;
    sqlx::query_as(
        "select state, schema_name, role_name from tenantry.tenants where id = $1 for update",
    )
    .bind(id.get())
    .fetch_optional(conn)
    .await
}

/// Whether an item makes the tenant, has made it, or could not undo it, or whether it is a spare.
pub(crate) async fn is_claimed(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (
             select from tenantry.operation_items
             where tenant_id = $1 and state not in ('failed', 'cancelled', 'rolled_back'))
         or exists (select from tenantry.spares where id = $1)",
    )
    .bind(id.get())
    .fetch_one(conn)
    .await
}

/// A column of a tenant's row holds what Tenantry never writes there.
#[derive(Debug, thiserror::Error)]
#[error("its {field} cannot be read: {why}")]
pub(crate) struct Unreadable {
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

/// The names of a tenant's schema and role.
pub(crate) fn names(schema: &str, role: &str) -> Result<(SchemaName, RoleName), Unreadable> {
    Ok((schema_name(schema)?, role_name(role)?))
}

pub(crate) fn schema_name(text: &str) -> Result<SchemaName, Unreadable> {
    let read = SchemaName::from_registry(text.to_owned());
    read.map_err(|e| Unreadable { field: "schema_name", why: e.to_string() })
}

pub(crate) fn role_name(text: &str) -> Result<RoleName, Unreadable> {
    RoleName::parse(text).map_err(|e| Unreadable { field: "role_name", why: e.to_string() })
}
