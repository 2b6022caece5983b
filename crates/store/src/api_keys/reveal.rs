//! Reads the sealed keys of an operation.

use domain::{OperationId, TenantId};
use sqlx::PgConnection;

/// A key whose secret is still there, encrypted.
#[derive(Debug, Clone)]
pub struct SealedKey {
    pub tenant: TenantId,
    pub tenant_name: String,
    /// The secret, sealed with the tenant's id as associated data.
    pub sealed: Vec<u8>,
}

/// The keys issued in `operation` that are neither acknowledged, expired nor revoked.
pub async fn reveal(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<SealedKey>> {
    let rows = sqlx::query!(
        r#"select k.tenant_id, t.name, k.sealed as "sealed!"
           from tenantry.api_keys k join tenantry.tenants t on t.id = k.tenant_id
           where k.operation_id = $1 and k.sealed is not null and k.sealed_until > clock_timestamp()
             and k.revoked_at is null and t.state <> 'pending'
           order by k.id"#,
        operation.get(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| SealedKey {
            tenant: TenantId::new(r.tenant_id),
            tenant_name: r.name,
            sealed: r.sealed,
        })
        .collect())
}
