//! API keys: only their hash stays; the secret lies sealed until it is acknowledged.

mod held;
mod sealed;
mod several;
mod verify;

use std::time::Duration;

use domain::{OperationId, TenantId};
use sqlx::PgConnection;

pub use held::{Held, by_hash, find, list, revoke};
pub use sealed::{
    SealedKey, acknowledge, acknowledge_of_tenant, erase_expired, reveal, reveal_of_tenant,
};
pub use several::{expire, issued_in, revoke_of};
pub use verify::{Presented, present, touch};

/// Live keys that a tenant can have: a new one beside the one it replaces.
pub const MOST_LIVE: i64 = 2;

/// A key as it is stored: its hash, and its secret sealed.
#[derive(Debug)]
pub struct NewKey<'a> {
    pub tenant: TenantId,
    /// The operation that issues it; `None` when a request does it directly.
    pub operation: Option<OperationId>,
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

/// Records each of `keys` whose tenant has fewer than `most` live ones, and says how many those are.
/// One statement. Lock the tenants first if others could issue keys to them meanwhile.
pub async fn issue(conn: &mut PgConnection, keys: &[NewKey<'_>], most: i64) -> sqlx::Result<u64> {
    let tenants: Vec<i64> = keys.iter().map(|key| key.tenant.get()).collect();
    let operations: Vec<_> = keys.iter().map(|key| key.operation.map(OperationId::get)).collect();
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
         where (select count(*) from tenantry.api_keys a
                where a.tenant_id = k.tenant and a.revoked_at is null
                  and (a.expires_at is null or a.expires_at > clock_timestamp())) < $9",
        &tenants,
        &operations as &[Option<uuid::Uuid>],
        &hashes,
        &prefixes,
        &last4s,
        &valid as &[Option<f64>],
        &sealed,
        &sealed_for,
        most,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Records a key that the tenant had before it was imported, by its `hash`; false when another tenant has it.
pub async fn adopt(
    conn: &mut PgConnection,
    tenant: TenantId,
    operation: OperationId,
    hash: &[u8; 32],
    last4: &str,
) -> sqlx::Result<bool> {
    let of = sqlx::query_scalar!(
        "with adopted as (
             insert into tenantry.api_keys (tenant_id, operation_id, hash, prefix, last4)
             values ($1, $2, $3, '', $4) on conflict (hash) do nothing returning tenant_id
         )
         select coalesce((select tenant_id from adopted),
                         (select tenant_id from tenantry.api_keys where hash = $3))",
        tenant.get(),
        operation.get(),
        hash.as_slice(),
        last4,
    )
    .fetch_one(conn)
    .await?;
    Ok(of == Some(tenant.get()))
}

/// Deletes the key with this `hash`, if it is the tenant's: it goes on where it came from.
pub async fn disown(
    conn: &mut PgConnection,
    tenant: TenantId,
    hash: &[u8; 32],
) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from tenantry.api_keys where tenant_id = $1 and hash = $2",
        tenant.get(),
        hash.as_slice(),
    )
    .execute(conn)
    .await?;
    Ok(())
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
