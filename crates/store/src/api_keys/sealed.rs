//! Secrets of API keys between issue and acknowledgement: read page by page, and erased.

use domain::{OperationId, TenantId};
use sqlx::PgConnection;

/// A key whose secret is still there, encrypted.
#[derive(Debug, Clone)]
pub struct SealedKey {
    /// The key's row, which pages go by.
    pub id: i64,
    pub tenant: TenantId,
    pub tenant_name: String,
    pub domain: String,
    pub external_id: Option<String>,
    /// The item of its operation that issued it; `None` when no operation did, or it is pruned.
    pub index: Option<i32>,
    /// The secret, sealed with the tenant's id as associated data.
    pub sealed: Vec<u8>,
}

#[derive(Debug)]
struct Row {
    id: i64,
    tenant_id: i64,
    name: String,
    domain: String,
    external_id: Option<String>,
    idx: Option<i32>,
    sealed: Vec<u8>,
}

impl From<Row> for SealedKey {
    fn from(r: Row) -> Self {
        Self {
            id: r.id,
            tenant: TenantId::new(r.tenant_id),
            tenant_name: r.name,
            domain: r.domain,
            external_id: r.external_id,
            index: r.idx,
            sealed: r.sealed,
        }
    }
}

/// At most `limit` keys issued in `operation`, behind the key `after`: those that are neither acknowledged
/// nor revoked and have not expired. None while the tenants are pending, which all are or none.
pub async fn reveal(
    conn: &mut PgConnection,
    operation: OperationId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<SealedKey>> {
    sqlx::query_as!(
        Row,
        r#"select k.id, k.tenant_id, t.name, t.domain, t.external_id, k.sealed as "sealed!",
                  (select i.idx from tenantry.operation_items i
                   where i.tenant_id = k.tenant_id and i.operation_id = k.operation_id limit 1) as idx
           from (
               select id, tenant_id, operation_id, sealed from tenantry.api_keys
               where operation_id = $1 and sealed is not null and sealed_until > clock_timestamp()
                 and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
                 and id > $2
               -- cut here: else all keys of the operation are joined for each page
               order by id limit $3
           ) k join tenantry.tenants t on t.id = k.tenant_id
           where t.state <> 'pending'
           order by k.id"#,
        operation.get(),
        after,
        limit,
    )
    .map(SealedKey::from)
    .fetch_all(conn)
    .await
}

/// As [`reveal`], for all keys of `tenant`, whatever issued them.
pub async fn reveal_of_tenant(
    conn: &mut PgConnection,
    tenant: TenantId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<SealedKey>> {
    sqlx::query_as!(
        Row,
        r#"select k.id, k.tenant_id, t.name, t.domain, t.external_id, k.sealed as "sealed!",
                  (select i.idx from tenantry.operation_items i
                   where i.tenant_id = k.tenant_id and i.operation_id = k.operation_id limit 1) as idx
           from (
               select id, tenant_id, operation_id, sealed from tenantry.api_keys
               where tenant_id = $1 and sealed is not null and sealed_until > clock_timestamp()
                 and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
                 and id > $2
               order by id limit $3
           ) k join tenantry.tenants t on t.id = k.tenant_id
           where t.state <> 'pending'
           order by k.id"#,
        tenant.get(),
        after,
        limit,
    )
    .map(SealedKey::from)
    .fetch_all(conn)
    .await
}

/// Erases every sealed secret of `operation` and says whose they were; the keys stay good.
pub async fn acknowledge(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where operation_id = $1 and sealed is not null
         returning tenant_id",
        operation.get(),
    )
    .map(|row| TenantId::new(row.tenant_id))
    .fetch_all(conn)
    .await
}

/// Erases every sealed secret of `tenant` and says how many; the keys stay good.
pub async fn acknowledge_of_tenant(conn: &mut PgConnection, tenant: TenantId) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where tenant_id = $1 and sealed is not null",
        tenant.get(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Erases every sealed secret past its time, at most 1,000, and says how many.
pub async fn erase_expired(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update tenantry.api_keys set sealed = null, sealed_until = null
         where id in (select id from tenantry.api_keys
                      where sealed is not null and sealed_until < clock_timestamp() limit 1000)",
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
