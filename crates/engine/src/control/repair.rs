//! What operators do about an item whose undo failed.

use std::time::Duration;

use domain::OperationId;
use queue::Bell;
use serde_json::json;
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    items::{self, ItemResult},
    operations,
};
use tracing::info;

use super::{ControlError, error::patiently, wake::locked};

/// Has the undo of an item tried again. An operation that is over is open again until it has ended.
///
/// # Errors
/// When there is no such item; when its undo did not fail.
pub async fn undo(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    index: u32,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = pool.begin().await?;
        locked(&mut tx, operation).await?;
        let Some(item) = items::undo(&mut tx, operation, index).await? else {
            return Err(not_undo_failed(&mut tx, operation, index).await?);
        };
        let reopened = operations::reopen(&mut tx, operation).await?;
        queue::wake(&mut tx, &[item], Duration::ZERO).await?;
        let (item, _) = item;
        let detail = json!({ "index": index, "item": item, "batch_reopened": reopened });
        let entry = by.did("item.undo_retried");
        audit::append(&mut tx, audit::Entry { operation: Some(operation), detail, ..entry })
            .await?;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(operation.id = %operation, item.id = %item, "the undo of item {item} is tried again");
        Ok(())
    })
    .await
}

/// Ends an item whose remains somebody has removed by hand, and its operation if it was the last one.
///
/// # Errors
/// When there is no such item; when its undo did not fail.
pub async fn resolve(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    index: u32,
    note: &str,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = pool.begin().await?;
        locked(&mut tx, operation).await?;
        let Some(resolved) = items::resolve(&mut tx, operation, index).await? else {
            return Err(not_undo_failed(&mut tx, operation, index).await?);
        };
        let entry = audit::Entry {
            operation: Some(operation),
            tenant: resolved.tenant,
            detail: json!({ "index": index, "note": note }),
            ..by.did("item.resolved")
        };
        audit::append(&mut tx, entry).await?;
        let ended = operations::settle(&mut tx, operation).await?;
        tx.commit().await?;
        if ended.is_some() {
            queue::ring(pool, Bell::Ends).await;
        }
        info!(operation.id = %operation, index, "item {index} of operation {operation} was resolved by hand");
        Ok(())
    })
    .await
}

async fn not_undo_failed(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> Result<ControlError, ControlError> {
    Ok(ControlError::NotUndoFailed(index, item(conn, operation, index).await?.state))
}

/// One item of an operation.
///
/// # Errors
/// When there is no such item.
pub async fn item(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> Result<ItemResult, ControlError> {
    let found = items::results(conn, operation, None, index.checked_sub(1), 1).await?.pop();
    found.filter(|item| item.index == index).ok_or(ControlError::ItemNotFound(operation, index))
}
