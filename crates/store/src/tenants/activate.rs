//! Makes a tenant visible.

use domain::{BatchId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

/// Who makes a tenant visible, for the audit log.
#[derive(Debug)]
pub struct Activation<'a> {
    /// As in [`crate::audit::Entry`].
    pub actor: &'a str,
    /// The batch in which it happens.
    pub batch: BatchId,
    /// What else matters.
    pub detail: Value,
}

/// `pending → active`, with the version its schema stands at, and the audit row of it: one
/// statement, on the path of every tenant. False when it was not pending; nothing is recorded then.
///
/// # Errors
/// When the statement fails.
pub async fn activate(
    conn: &mut PgConnection,
    tenant: TenantId,
    migration_version: Option<i64>,
    by: Activation<'_>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "with activated as (
             update tenantry.tenants
             set state = 'active', activated_at = clock_timestamp(),
                 updated_at = clock_timestamp(), migration_version = $2
             where id = $1 and state = 'pending'
             returning id
         )
         insert into tenantry.audit_log (actor, action, tenant_id, batch_id, detail)
         select $3, 'tenant.activated', id, $4, $5 from activated",
        tenant.get(),
        migration_version,
        by.actor,
        by.batch.get(),
        by.detail,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `active → pending`: the undo of [`activate`]; nothing happens when it was not active.
///
/// # Errors
/// When the statement fails.
pub async fn deactivate(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.tenants
         set state = 'pending', activated_at = null, updated_at = clock_timestamp(),
             migration_version = null
         where id = $1 and state = 'active'",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
