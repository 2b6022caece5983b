//! Gives a reserved name back.

use domain::TenantId;
use sqlx::PgConnection;

/// `pending → released`: domain, schema and external id are free again. Does nothing to a tenant
/// in any other state.
pub async fn release(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.tenants
         set state = 'released', updated_at = clock_timestamp()
         where id = $1 and state = 'pending'",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
