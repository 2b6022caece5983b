//! Records a new key.

use std::time::Duration;

use domain::{BatchId, TenantId};
use sqlx::PgConnection;

/// A key as it is stored: its hash, and its secret sealed.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// The batch it was issued in.
    pub batch: BatchId,
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

/// Records `key`, unless the tenant has a live key already. False when it has.
///
/// # Errors
/// When the statement fails.
pub async fn issue(conn: &mut PgConnection, key: &NewKey<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into tenantry.api_keys
             (tenant_id, batch_id, hash, prefix, last4, expires_at, sealed, sealed_until)
         select $1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6), $7,
                clock_timestamp() + make_interval(secs => $8)
         where not exists (select 1 from tenantry.api_keys
                           where tenant_id = $1 and revoked_at is null)",
        key.tenant.get(),
        key.batch.get(),
        key.hash.as_slice(),
        key.prefix,
        key.last4,
        key.valid_for.map(|d| d.as_secs_f64()),
        key.sealed,
        key.sealed_for.as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
