//! What a key was used for.

use domain::{OperationId, OperatorId};
use sqlx::PgConnection;

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
    let row = sqlx::query!(
        "select body_hash, operation_id from tenantry.idempotency_keys where caller = $1 and key = $2",
        caller.get(),
        key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Remembered {
        body_hash: r.body_hash,
        operation: OperationId::new(r.operation_id),
    }))
}
