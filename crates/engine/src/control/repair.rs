//! What operators do about an item that cannot go on by itself: `undo_failed` or `stuck`.

use std::time::Duration;

use domain::OperationId;
use queue::Bell;
use serde_json::{Value, json};
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
    error::{begin, patiently},
    wake::{locked, release},
};

/// What a worker is to do again with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The undo that failed.
    Undo,
    /// To go on from where the item is stuck.
    GoOn,
}

/// Has a worker do `what` again with an item. An operation that is over is open again until the item has
/// ended.
///
/// # Errors
/// When there is no such item; when its undo did not fail, or it is not stuck.
pub async fn again(
    pool: &Connections,
    by: By<'_>,
    operation: OperationId,
    index: u32,
    what: Again,
) -> Result<(), ControlError> {
    patiently(async || {
        let mut tx = begin(pool, by).await?;
        locked(&mut tx, operation).await?;
        let (set_going, action) = match what {
            Again::Undo => (items::undo(&mut tx, operation, index).await?, "item.undo_retried"),
            Again::GoOn => (items::go_on(&mut tx, operation, index).await?, "item.retried"),
        };
        let Some((id, kind)) = set_going else {
            let state = item(&mut tx, operation, index).await?.state;
            return Err(match what {
                Again::Undo => ControlError::NotUndoFailed(index, state),
                Again::GoOn => ControlError::NotStuck(index, state),
            });
        };
        let reopened = operations::reopen(&mut tx, operation).await?;
        queue::wake(&mut tx, &[(id, kind)], Duration::ZERO).await?;
        let detail = json!({ "index": index, "item": id, "batch_reopened": reopened });
        let entry = audit::Entry { operation: Some(operation), detail, ..by.did(action) };
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        queue::ring(pool, Bell::Jobs).await;
        info!(operation.id = %operation, item.id = %id, "item {id} is set going again: {action}");
        Ok(())
    })
    .await
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
        let mut tx = begin(pool, by).await?;
        locked(&mut tx, operation).await?;
        let Some(resolved) = items::resolve(&mut tx, operation, index).await? else {
            let state = item(&mut tx, operation, index).await?.state;
            return Err(ControlError::NotForOperator(index, state));
        };
        let entry = audit::Entry {
            operation: Some(operation),
            tenant: resolved.tenant,
            detail: json!({ "index": index }),
            // An item without a tenant has nothing that an operator sees to.
            personal: resolved.tenant.map_or(Value::Null, |_| json!({ "note": note })),
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
