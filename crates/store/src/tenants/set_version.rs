//! Records the version a tenant's schema stands at.

use domain::TenantId;
use sqlx::PgConnection;

/// Sets the version of an active tenant. False when it is not active any more: then nothing may
/// have been done to its schema either, so roll back.
///
/// # Errors
/// When the statement fails.
pub async fn set_version(
    conn: &mut PgConnection,
    tenant: TenantId,
    version: Option<i64>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update tenantry.tenants
         set migration_version = $2, updated_at = clock_timestamp()
         where id = $1 and state = 'active'",
        tenant.get(),
        version,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
