//! Schemas that were there before their tenants: what was found in each, to be given back.

use std::collections::HashMap;

use domain::{OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

/// What is kept of a schema that was imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What was found in it, as crate `tenantdb` reads it.
    pub found: Value,
    /// Whether its table `tenant` got a row.
    pub own_row: bool,
    /// Whether its deletion drops it, in place of giving it back.
    pub drop_too: bool,
}

/// Keeps what was `found`, unless something is kept of the tenant already.
pub async fn keep(
    conn: &mut PgConnection,
    tenant: TenantId,
    operation: OperationId,
    found: &Value,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.imports (tenant_id, operation_id, found) values ($1, $2, $3)
         on conflict do nothing",
        tenant.get(),
        operation.get(),
        found,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that the tenant's table `tenant` got a row.
pub async fn wrote_own_row(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!("update tenantry.imports set own_row = true where tenant_id = $1", tenant.get())
        .execute(conn)
        .await?;
    Ok(())
}

/// What is kept of those of `tenants` that were imported.
pub async fn of(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<HashMap<TenantId, Imported>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!(
        "select tenant_id, found, own_row, drop_too from tenantry.imports
         where tenant_id = any($1::bigint[])",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let imported = rows.into_iter().map(|row| {
        let (found, own_row, drop_too) = (row.found, row.own_row, row.drop_too);
        (TenantId::new(row.tenant_id), Imported { found, own_row, drop_too })
    });
    Ok(imported.collect())
}

/// Forgets what is kept of the tenant, whose schema was given back.
pub async fn forget(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!("delete from tenantry.imports where tenant_id = $1", tenant.get())
        .execute(conn)
        .await?;
    Ok(())
}

/// `active → suspended` for a tenant that was inactive where it came from. In its import's transaction.
pub async fn suspend(
    conn: &mut PgConnection,
    tenant: TenantId,
    reason: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants
         set state = 'suspended', suspended_at = clock_timestamp(), suspended_reason = $2,
             updated_at = clock_timestamp()
         where id = $1 and state = 'active'",
        tenant.get(),
        reason,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `suspended → active` again: the undo of [`suspend`].
pub async fn unsuspend(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.tenants
         set state = 'active', suspended_at = null, suspended_reason = null, suspended_rights = null,
             updated_at = clock_timestamp()
         where id = $1 and state = 'suspended'",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// `active|suspended → deleting` for a tenant that is to be given back in this transaction, which ends with
/// [`crate::tenants::erase`]: its names are free then.
pub async fn begin_release(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants
         set state = 'deleting', deleting_at = clock_timestamp(), deleting_from = state,
             purge_at = clock_timestamp(), purge_began_at = clock_timestamp(), name_hold_days = 0,
             updated_at = clock_timestamp()
         where id = $1 and state in ('active', 'suspended')",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
