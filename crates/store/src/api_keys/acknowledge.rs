//! Erases the secrets of a batch: its caller has them.

use domain::{BatchId, TenantId};
use sqlx::PgConnection;

/// Erases every sealed secret of `batch` and says whose they were; the keys stay good.
///
/// # Errors
/// When the rows cannot be written.
pub async fn acknowledge(conn: &mut PgConnection, batch: BatchId) -> sqlx::Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where batch_id = $1 and sealed is not null
         returning tenant_id",
        batch.get(),
    )
    .fetch_all(conn)
    .await?;
    Ok(tenants.into_iter().map(TenantId::new).collect())
}
