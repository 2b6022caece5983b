//! Idempotency keys: the same request twice is one operation.

use domain::{OperationId, OperatorId};
use sqlx::PgConnection;

/// A request that must become one operation only.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Whose key it is; two callers never share one.
    pub caller: OperatorId,
    /// The key as sent.
    pub key: &'a str,
    /// SHA-256 of what was asked.
    pub body_hash: &'a [u8; 32],
    /// The operation the request becomes if the key is free.
    pub operation: OperationId,
    /// Days for which a key stands for its operation.
    pub days: i32,
}

/// Whether the key is now `claim`'s: it was free, or older than its days.
///
/// Waits for a request in flight with the same key: the row is its, until it commits.
pub async fn claim(conn: &mut PgConnection, claim: Claim<'_>) -> sqlx::Result<bool> {
    let taken = sqlx::query!(
        "insert into tenantry.idempotency_keys as k (caller, key, body_hash, operation_id)
         values ($1, $2, $3, $4)
         on conflict (caller, key) do update
         set body_hash = excluded.body_hash, operation_id = excluded.operation_id, created_at = now()
         where k.created_at < now() - make_interval(days => $5)",
        claim.caller.get(),
        claim.key,
        claim.body_hash.as_slice(),
        claim.operation.get(),
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
    pub operation: OperationId,
}

/// The request that used `key`, if one did.
pub async fn find(
    conn: &mut PgConnection,
    caller: OperatorId,
    key: &str,
) -> sqlx::Result<Option<Remembered>> {
    sqlx::query!(
        "select body_hash, operation_id from tenantry.idempotency_keys where caller = $1 and key = $2",
        caller.get(),
        key,
    )
    .map(|r| Remembered {
        body_hash: r.body_hash,
        operation: OperationId::new(r.operation_id),
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
