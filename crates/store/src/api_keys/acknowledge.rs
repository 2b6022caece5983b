//! Erases the secrets of an operation: its caller has them.

use domain::{OperationId, TenantId};
use sqlx::PgConnection;

/// Erases every sealed secret of `operation` and says whose they were; the keys stay good.
pub async fn acknowledge(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where operation_id = $1 and sealed is not null
         returning tenant_id",
        operation.get(),
    )
    .fetch_all(conn)
    .await?;
    Ok(tenants.into_iter().map(TenantId::new).collect())
}
