//! Makes a tenant visible.

use domain::TenantId;
use sqlx::PgConnection;

/// `pending → active`, with the version its schema stands at. False when it was not pending.
///
/// # Errors
/// When the statement fails.
pub async fn activate(
    conn: &mut PgConnection,
    tenant: TenantId,
    migration_version: Option<i64>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants
         set state = 'active', activated_at = clock_timestamp(), updated_at = clock_timestamp(),
             migration_version = $2
         where id = $1 and state = 'pending'",
        tenant.get(),
        migration_version,
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
