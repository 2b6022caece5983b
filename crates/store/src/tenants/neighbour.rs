//! Some other tenant, to be refused.

use domain::{SchemaName, TenantId};
use sqlx::PgConnection;

/// The schema of the newest active tenant other than `tenant`, if there is one.
///
/// # Errors
/// When the statement fails.
pub async fn neighbour(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> sqlx::Result<Option<SchemaName>> {
    let name = sqlx::query_scalar!(
        "select schema_name from tenantry.tenants
         where state = 'active' and id <> $1 order by id desc limit 1",
        tenant.get(),
    )
    .fetch_optional(conn)
    .await?;
    name.map(|n| SchemaName::from_registry(n).map_err(|e| sqlx::Error::Decode(Box::new(e))))
        .transpose()
}
