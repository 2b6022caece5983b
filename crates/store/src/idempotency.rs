//! Idempotency keys: the same request twice is one operation, or one API key.

use domain::{OperationId, OperatorId};
use sqlx::PgConnection;

/// What a request became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    Operation(OperationId),
    /// An API key, by its SHA-256.
    ApiKey([u8; 32]),
    /// Nothing: it did something to what was there.
    Done,
}

impl Became {
    fn operation(self) -> Option<OperationId> {
        match self {
            Self::Operation(id) => Some(id),
            Self::ApiKey(_) | Self::Done => None,
        }
    }

    fn api_key(&self) -> Option<&[u8]> {
        match self {
            Self::Operation(_) | Self::Done => None,
            Self::ApiKey(hash) => Some(hash),
        }
    }
}

/// A request that must take effect once only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once<'a> {
    /// Whose key it is; two callers never share one.
    pub caller: OperatorId,
    /// The key as sent.
    pub key: &'a str,
    /// SHA-256 of what was asked.
    pub body_hash: &'a [u8; 32],
    /// Days for which a key stands for what its request became.
    pub days: i32,
}

/// Whether a key is the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It was free, or older than its days.
    Now,
    /// The same request had it before, and became this.
    Before(Became),
    /// It stands for another request.
    ByAnother,
    /// The request that had it was forgotten at this moment.
    Gone,
}

/// Takes the key of `once` for what the request `becomes`, if it is free.
///
/// Waits for a request in flight with the same key: the row is its, until it commits.
pub async fn claim(
    conn: &mut PgConnection,
    once: Once<'_>,
    becomes: Became,
) -> sqlx::Result<Claimed> {
    if take(conn, once, becomes).await? {
        return Ok(Claimed::Now);
    }
    Ok(match find(conn, once.caller, once.key).await? {
        None => Claimed::Gone,
        Some(first) if first.body_hash == once.body_hash => Claimed::Before(first.became),
        Some(_) => Claimed::ByAnother,
    })
}

async fn take(conn: &mut PgConnection, once: Once<'_>, becomes: Became) -> sqlx::Result<bool> {
    let taken = sqlx::query!(
        "insert into tenantry.idempotency_keys as k (caller, key, body_hash, operation_id, api_key_hash)
         values ($1, $2, $3, $4, $5)
         on conflict (caller, key) do update
         set body_hash = excluded.body_hash, operation_id = excluded.operation_id,
             api_key_hash = excluded.api_key_hash, created_at = now()
         where k.created_at < now() - make_interval(days => $6)",
        once.caller.get(),
        once.key,
        once.body_hash.as_slice(),
        becomes.operation().map(OperationId::get),
        becomes.api_key(),
        once.days,
    )
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// The request that used a key first.
struct Remembered {
    /// SHA-256 of what was asked.
    body_hash: Vec<u8>,
    became: Became,
}

/// The request that used `key`, if one did.
async fn find(
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
    .map(|r| {
        let hash = r.api_key_hash.and_then(|hash| hash.try_into().ok()).map(Became::ApiKey);
        let became = r.operation_id.map(|id| Became::Operation(OperationId::new(id))).or(hash);
        Remembered { body_hash: r.body_hash, became: became.unwrap_or(Became::Done) }
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
