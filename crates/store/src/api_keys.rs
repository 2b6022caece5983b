//! API keys: only their hash stays; the secret lies sealed until it is acknowledged.

use std::time::Duration;

use domain::{OperationId, TenantId};
use sqlx::PgConnection;

/// A key as it is stored: its hash, and its secret sealed.
#[derive(Debug)]
pub struct NewKey<'a> {
    pub tenant: TenantId,
    pub operation: OperationId,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// What stands before the random part; shown to people.
    pub prefix: &'a str,
    /// Its last four characters; shown to people.
    pub last4: &'a str,
    pub sealed: &'a [u8],
    /// How long the sealed secret is kept.
    pub sealed_for: Duration,
    /// How long the key is good; `None` = until revoked.
    pub valid_for: Option<Duration>,
}

/// Records each of `keys` whose tenant has no live key yet, and says how many those are. One
/// statement.
pub async fn issue(conn: &mut PgConnection, keys: &[NewKey<'_>]) -> sqlx::Result<u64> {
    let tenants: Vec<i64> = keys.iter().map(|key| key.tenant.get()).collect();
    let operations: Vec<_> = keys.iter().map(|key| key.operation.get()).collect();
    let hashes: Vec<Vec<u8>> = keys.iter().map(|key| key.hash.to_vec()).collect();
    let prefixes: Vec<String> = keys.iter().map(|key| key.prefix.to_owned()).collect();
    let last4s: Vec<String> = keys.iter().map(|key| key.last4.to_owned()).collect();
    let valid: Vec<Option<f64>> =
        keys.iter().map(|key| key.valid_for.map(|d| d.as_secs_f64())).collect();
    let sealed: Vec<Vec<u8>> = keys.iter().map(|key| key.sealed.to_vec()).collect();
    let sealed_for: Vec<f64> = keys.iter().map(|key| key.sealed_for.as_secs_f64()).collect();
    let done = sqlx::query!(
        "insert into tenantry.api_keys
             (tenant_id, operation_id, hash, prefix, last4, expires_at, sealed, sealed_until)
         select k.tenant, k.operation, k.hash, k.prefix, k.last4,
                clock_timestamp() + make_interval(secs => k.valid_secs), k.sealed,
                clock_timestamp() + make_interval(secs => k.sealed_secs)
         from unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::text[], $5::text[],
                     $6::float8[], $7::bytea[], $8::float8[])
             as k (tenant, operation, hash, prefix, last4, valid_secs, sealed, sealed_secs)
         -- not an anti-join: that may be planned to read all keys
         where (select a.id from tenantry.api_keys a
                where a.tenant_id = k.tenant and a.revoked_at is null limit 1) is null",
        &tenants,
        &operations,
        &hashes,
        &prefixes,
        &last4s,
        &valid as &[Option<f64>],
        &sealed,
        &sealed_for,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

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
    sqlx::query!(
        r#"select k.tenant_id, t.name, k.sealed as "sealed!"
           from tenantry.api_keys k join tenantry.tenants t on t.id = k.tenant_id
           where k.operation_id = $1 and k.sealed is not null and k.sealed_until > clock_timestamp()
             and k.revoked_at is null and t.state <> 'pending'
           order by k.id"#,
        operation.get(),
    )
    .map(|r| SealedKey {
        tenant: TenantId::new(r.tenant_id),
        tenant_name: r.name,
        sealed: r.sealed,
    })
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
