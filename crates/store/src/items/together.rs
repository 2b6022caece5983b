//! What happens to the items of an operation together: they are cancelled, and those that were built go
//! on or back.

use domain::{Code, ItemError, ItemId, OperationId, TenantId};
use sqlx::PgConnection;

use crate::decode::natural;

/// Whether every item of `operation` is built.
pub async fn all_built(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select not exists (select from tenantry.operation_items
                              where operation_id = $1 and state <> 'built') as "all!""#,
        operation.get(),
    )
    .fetch_one(conn)
    .await
}

/// The index of the first item of `operation` that failed for good, or is on its way back because it
/// did; an item that was stopped did not fail.
pub async fn first_failed(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        "select idx from tenantry.operation_items
         where operation_id = $1 and state in ('failed', 'undo_failed', 'unwinding')
           and error_code not in ('cancelled', 'batch_deadline', 'batch_rolled_back')
         order by idx limit 1",
        operation.get(),
    )
    .fetch_optional(conn)
    .await
}

/// Makes every tenant of `operation` visible and ends its items as succeeded; returns the tenants. The
/// caller has locked the operation and seen that all of it is built.
pub async fn activate_built(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<TenantId>> {
    sqlx::query_file!("queries/items/activate_built.sql", operation.get())
        .map(|row| TenantId::new(row.id))
        .fetch_all(conn)
        .await
}

/// `built → unwinding` for every such item of `operation`, because of `reason`. The caller wakes
/// workers for them in the same transaction.
pub async fn turn_built_back(
    conn: &mut PgConnection,
    operation: OperationId,
    reason: &ItemError,
) -> sqlx::Result<Vec<ItemId>> {
    sqlx::query!(
        "update tenantry.operation_items
         set state = 'unwinding', tries = 0, worker_id = null,
             next_attempt_at = clock_timestamp(),
             error_code = $2, error_message = $3, error_step = null, error_retryable = true
         where operation_id = $1 and state = 'built'
         returning id",
        operation.get(),
        reason.code.as_str(),
        &reason.told(),
    )
    .map(|row| ItemId::new(row.id))
    .fetch_all(conn)
    .await
}

/// `queued | retrying → cancelled` for every such item of `operation`, and gives their reserved names
/// back; says how many. Items in a worker's hands are left to it.
pub async fn cancel_waiting(
    conn: &mut PgConnection,
    operation: OperationId,
    code: &Code,
    message: &str,
) -> sqlx::Result<u64> {
    sqlx::query_file!("queries/items/cancel_waiting.sql", operation.get(), code.as_str(), message,)
        .map(|row| natural(row.count))
        .fetch_one(conn)
        .await
}
