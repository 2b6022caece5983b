//! Records that a tenant was changed.

use domain::TenantId;
use sqlx::PgConnection;

/// Sets the time of change of a tenant. False when it has ended.
pub async fn touch(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants set updated_at = clock_timestamp()
         where id = $1 and state not in ('deleted', 'released')",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
