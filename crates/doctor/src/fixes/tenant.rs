//! Takes a tenant into one's hands, and what is its own away.

use std::time::Duration;

use domain::{RoleName, SchemaName, TenantId};
use sqlx::{PgConnection, Row};
use store::StageLimits;
use tenantdb::{Mark, ledger, role, schema};

use crate::{fixes::Surgery, names};

/// A repair waits for a worker's stage no longer than this.
const LIMITS: StageLimits = StageLimits {
    statement: Duration::from_secs(120),
    lock: Duration::from_secs(10),
    silence: Duration::from_secs(5),
};

/// A tenant's row, locked.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: TenantId,
    pub(super) state: String,
    schema: String,
    role: String,
}

impl Held {
    /// Whether nothing of it may be there any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state.as_str(), "deleted" | "released")
    }

    /// The names of its schema and its role.
    pub(super) fn names(&self) -> sqlx::Result<(SchemaName, RoleName)> {
        names::read(&self.schema, &self.role).map_err(|e| sqlx::Error::Decode(Box::new(e)))
    }
}

/// Keeps workers off the tenant until the transaction ends: the first lock of a transaction.
pub(crate) async fn lock(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<()> {
    store::open_stage(conn, &[id], LIMITS).await
}

/// Keeps workers off the tenant until the transaction ends, and holds its row, if there is one: no
/// retry can reserve a released tenant's names again in between.
pub(super) async fn hold(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<Held>> {
    lock(conn, id).await?;
    let row = sqlx::query(
        "select state, schema_name, role_name from tenantry.tenants where id = $1 for update",
    )
    .bind(id.get())
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let (state, schema, role) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Held { id, state, schema, role })
    })
    .transpose()
}

/// Whether an item has still to do with the tenant: it makes it, has made it, or could not undo it;
/// or whether it is one of the pool, built in advance.
pub(super) async fn is_claimed(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<bool> {
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

/// Drops what bears the pending tenant's mark, revokes its keys and releases its names. Says what
/// of schema and role was there.
pub(super) async fn take_back(
    conn: &mut PgConnection,
    tenant: &Held,
    surgery: &Surgery,
) -> sqlx::Result<serde_json::Value> {
    let mark = Mark { installation: surgery.installation.clone(), tenant: tenant.id };
    let (schema_name, role_name) = tenant.names()?;
    let schema_dropped = schema::drop_owned(conn, &schema_name, &mark).await?;
    let role_dropped = role::drop_owned(conn, &role_name, &mark).await?;
    ledger::forget(conn, tenant.id).await?;
    store::api_keys::withdraw(conn, tenant.id).await?;
    store::tenants::release(conn, tenant.id).await?;
    Ok(serde_json::json!({
        "schema": schema_dropped.then_some(&tenant.schema),
        "role": role_dropped.then_some(&tenant.role),
    }))
}
