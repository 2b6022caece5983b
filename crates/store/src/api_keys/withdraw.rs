//! Takes a tenant's keys back.

use domain::TenantId;
use sqlx::PgConnection;

/// Revokes every live key of `tenant` and erases what is sealed of them.
pub async fn withdraw(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.api_keys
         set revoked_at = clock_timestamp(), sealed = null, sealed_until = null
         where tenant_id = $1 and revoked_at is null",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
