//! Idempotency keys: the same request twice is one operation, or one API key.

use domain::{OperationId, OperatorId};
use sqlx::PgConnection;

use crate::decode::unreadable;

/// What a request became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    Operation(OperationId),
    /// An API key, by its SHA-256.
    ApiKey([u8; 32]),
}

impl Became {
    fn operation(self) -> Option<OperationId> {
        match self {
            Self::Operation(id) => Some(id),
            Self::ApiKey(_) => None,
        }
    }

    fn api_key(&self) -> Option<&[u8]> {
        match self {
            Self::Operation(_) => None,
            Self::ApiKey(hash) => Some(hash),
        }
    }
}

/// A request that must take effect once only.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Whose key it is; two callers never share one.
    pub caller: OperatorId,
    /// The key as sent.
    pub key: &'a str,
    /// SHA-256 of what was asked.
    pub body_hash: &'a [u8; 32],
    /// What the request becomes if the key is free.
    pub became: Became,
    /// Days for which a key stands for what its request became.
    pub days: i32,
}

/// Whether the key is now `claim`'s: it was free, or older than its days.
///
/// Waits for a request in flight with the same key: the row is its, until it commits.
pub async fn claim(conn: &mut PgConnection, claim: Claim<'_>) -> sqlx::Result<bool> {
    let taken = sqlx::query!(
        "insert into tenantry.idempotency_keys as k (caller, key, body_hash, operation_id, api_key_hash)
         values ($1, $2, $3, $4, $5)
         on conflict (caller, key) do update
         set body_hash = excluded.body_hash, operation_id = excluded.operation_id,
             api_key_hash = excluded.api_key_hash, created_at = now()
         where k.created_at < now() - make_interval(days => $6)",
        claim.caller.get(),
        claim.key,
        claim.body_hash.as_slice(),
        claim.became.operation().map(OperationId::get),
        claim.became.api_key(),
        claim.days,
    )
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// The request that used a key first.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// SHA-256 of what was asked.
    pub body_hash: Vec<u8>,
    pub became: Became,
}

/// The request that used `key`, if one did.
pub async fn find(
    conn: &mut PgConnection,
    caller: OperatorId,
    key: &str,
) -> sqlx::Result<Option<Remembered>> {
    sqlx::query!(
        "select body_hash, operation_id, api_key_hash from tenantry.idempotency_keys
         where caller = $1 and key = $2",
        caller.get(),
        key,
    )
    .try_map(|r| {
        let hash = r.api_key_hash.and_then(|hash| hash.try_into().ok()).map(Became::ApiKey);
        let became = r.operation_id.map(|id| Became::Operation(OperationId::new(id))).or(hash);
        let became =
            became.ok_or_else(|| unreadable("an idempotency key that stands for nothing"))?;
        Ok(Remembered { body_hash: r.body_hash, became })
    })
    .fetch_optional(conn)
    .await
}

/// Forgets keys older than `days`, at most `limit`, and says how many.
pub async fn forget_expired(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<i64> {
    let gone = sqlx::query!(
        "delete from tenantry.idempotency_keys where (caller, key) in (
             select caller, key from tenantry.idempotency_keys
             where created_at < now() - make_interval(days => $1)
             order by created_at limit $2)",
        days,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(i64::try_from(gone.rows_affected()).unwrap_or(i64::MAX))
}
