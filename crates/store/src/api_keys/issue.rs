//! Records a new key.

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
    /// The secret, encrypted.
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
