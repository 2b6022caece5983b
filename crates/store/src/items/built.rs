//! The built items of an all-or-nothing operation: they go on together, or back together.

use domain::{ItemError, ItemId, OperationId, TenantId};
use sqlx::PgConnection;

/// Whether every item of `operation` is built.
///
/// # Errors
/// When the statement fails.
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
///
/// # Errors
/// When the statement fails.
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

/// Makes every tenant of `operation` visible and ends its items as succeeded; returns the tenants. The caller has locked the operation and seen that all of it is built.
///
/// # Errors
/// When a statement fails.
pub async fn activate_built(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<TenantId>> {
    let tenants = sqlx::query_file_scalar!("queries/items/activate_built.sql", operation.get())
        .fetch_all(conn)
        .await?;
    Ok(tenants.into_iter().map(TenantId::new).collect())
}

/// `built → unwinding` for at most `jobs.len()` items of `operation`, because of `reason`; each
/// gets one of `jobs`. Returns the items with their jobs, which the caller puts into the queue in
/// the same transaction.
///
/// # Errors
/// When the statement fails.
pub async fn turn_built_back(
    conn: &mut PgConnection,
    operation: OperationId,
    reason: &ItemError,
    jobs: &[String],
) -> sqlx::Result<Vec<(ItemId, String)>> {
    let rows = sqlx::query_file!(
        "queries/items/turn_built_back.sql",
        operation.get(),
        jobs,
        reason.code.as_str(),
        &reason.told(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (ItemId::new(row.id), row.job_id)).collect())
}
