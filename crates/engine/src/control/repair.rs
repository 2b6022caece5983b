//! What operators do about an item that cannot go on by itself: `undo_failed` or `stuck`.

use std::time::Duration;

use domain::{ItemId, Kind, OperationId};
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

use super::{
    ControlError,
    error::patiently,
    wake::{locked, release},
};

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
            let state = item(&mut tx, operation, index).await?.state;
            return Err(ControlError::NotUndoFailed(index, state));
        };
        set_going(&mut tx, by.did("item.undo_retried"), operation, index, item).await?;
        let (item, _) = item;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(operation.id = %operation, item.id = %item, "the undo of item {item} is tried again");
        Ok(())
    })
    .await
}

/// Has an item that is stuck go on from where it is. An operation that is over is open again until it has
/// ended.
///
/// # Errors
/// When there is no such item; when it is not stuck.
pub async fn go_on(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    index: u32,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = pool.begin().await?;
        locked(&mut tx, operation).await?;
        let Some(item) = items::go_on(&mut tx, operation, index).await? else {
            let state = item(&mut tx, operation, index).await?.state;
            return Err(ControlError::NotStuck(index, state));
        };
        set_going(&mut tx, by.did("item.retried"), operation, index, item).await?;
        let (item, _) = item;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(operation.id = %operation, item.id = %item, "item {item} goes on");
        Ok(())
    })
    .await
}

async fn set_going(
    conn: &mut PgConnection,
    entry: audit::Entry<'_>,
    operation: OperationId,
    index: u32,
    item: (ItemId, Kind),
) -> sqlx::Result<()> {
    let reopened = operations::reopen(conn, operation).await?;
    queue::wake(conn, &[item], Duration::ZERO).await?;
    let detail = json!({ "index": index, "item": item.0, "batch_reopened": reopened });
    audit::append(conn, audit::Entry { operation: Some(operation), detail, ..entry }).await
}

/// Ends an item as failed that an operator has seen to by hand, and its operation if it was the last one.
///
/// # Errors
/// When there is no such item; when it does not wait for an operator.
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
            let state = item(&mut tx, operation, index).await?.state;
            return Err(ControlError::NotForOperator(index, state));
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
        if let Some(tenant) = resolved.tenant {
            release(pool, &[tenant]).await?;
        }
        info!(operation.id = %operation, index, "item {index} of operation {operation} was resolved by hand");
        Ok(())
    })
    .await
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
    let found = items::results(conn, operation, None, None, index.checked_sub(1), 1).await?.pop();
    found.filter(|item| item.index == index).ok_or(ControlError::ItemNotFound(operation, index))
}
