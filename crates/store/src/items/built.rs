//! The built items of an all-or-nothing batch: they go on together, or back together.

use domain::{BatchId, ItemError, ItemId, TenantId};
use sqlx::PgConnection;

/// Whether every item of `batch` is built.
///
/// # Errors
/// When the statement fails.
pub async fn all_built(conn: &mut PgConnection, batch: BatchId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select not exists (select from tenantry.batch_items
                              where batch_id = $1 and state <> 'built') as "all!""#,
        batch.get(),
    )
    .fetch_one(conn)
    .await
}

/// The index of the first item of `batch` that failed for good, or is on its way back because it
/// did; an item that was stopped did not fail.
///
/// # Errors
/// When the statement fails.
pub async fn first_failed(conn: &mut PgConnection, batch: BatchId) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        "select idx from tenantry.batch_items
         where batch_id = $1 and state in ('failed', 'undo_failed', 'compensating')
           and error_code not in ('cancelled', 'batch_deadline', 'batch_rolled_back')
         order by idx limit 1",
        batch.get(),
    )
    .fetch_optional(conn)
    .await
}

/// Makes every tenant of `batch` visible and ends its items as succeeded; returns the tenants. The caller has locked the batch and seen that all of it is built.
///
/// # Errors
/// When a statement fails.
pub async fn activate_built(
    conn: &mut PgConnection,
    batch: BatchId,
) -> sqlx::Result<Vec<TenantId>> {
    let tenants = sqlx::query_file_scalar!("queries/items/activate_built.sql", batch.get())
        .fetch_all(conn)
        .await?;
    Ok(tenants.into_iter().map(TenantId::new).collect())
}

/// `built → compensating` for at most `jobs.len()` items of `batch`, because of `reason`; each
/// gets one of `jobs`. Returns the items with their jobs, which the caller puts into the queue in
/// the same transaction.
///
/// # Errors
/// When the statement fails.
pub async fn turn_built_back(
    conn: &mut PgConnection,
    batch: BatchId,
    reason: &ItemError,
    jobs: &[String],
) -> sqlx::Result<Vec<(ItemId, String)>> {
    let rows = sqlx::query_file!(
        "queries/items/turn_built_back.sql",
        batch.get(),
        jobs,
        reason.code.as_str(),
        &reason.told(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (ItemId::new(row.id), row.job_id)).collect())
}
