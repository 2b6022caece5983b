//! What operators do about a tenant whose undo failed.

use std::time::Duration;

use domain::OperationId;
use queue::{Bell, JobId};
use serde_json::json;
use sqlx::PgConnection;
use store::{
    audit,
    items::{self, ItemResult},
    operations,
};
use tracing::info;

use crate::{auth::Caller, context::Context, problem::Problem};

/// Has the undo of an item tried again. A batch that is over is open again until it has ended.
///
/// # Errors
/// 404 when there is no such item; 409 when its undo did not fail.
pub(crate) async fn undo(
    cx: &Context,
    caller: &Caller,
    batch: OperationId,
    index: u32,
) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    operations::lock(&mut tx, batch).await?.ok_or_else(|| Problem::batch_not_found(batch))?;
    let job = JobId::mint();
    let Some(item) = items::undo(&mut tx, batch, index, &job.to_string()).await? else {
        return Err(not_undo_failed(&mut tx, batch, index).await?);
    };
    let reopened = operations::reopen(&mut tx, batch).await?;
    queue::enqueue(&mut tx, &[(item, job)], Duration::ZERO).await?;
    let detail = json!({ "index": index, "item": item, "batch_reopened": reopened });
    let entry = caller.did("item.undo_retried");
    audit::append(&mut tx, audit::Entry { operation: Some(batch), detail, ..entry }).await?;
    tx.commit().await?;
    cx.ring(Bell::Jobs).await;
    cx.counts().forget(batch);
    info!(operation.id = %batch, item.id = %item, "the undo of item {item} is tried again");
    Ok(())
}

/// Ends an item whose remains somebody has removed by hand, and its batch if it was the last one.
///
/// # Errors
/// 404 when there is no such item; 409 when its undo did not fail.
pub(crate) async fn resolve(
    cx: &Context,
    caller: &Caller,
    batch: OperationId,
    index: u32,
    note: &str,
) -> Result<(), Problem> {
    let mut tx = cx.pool().begin().await?;
    operations::lock(&mut tx, batch).await?.ok_or_else(|| Problem::batch_not_found(batch))?;
    let Some(resolved) = items::resolve(&mut tx, batch, index).await? else {
        return Err(not_undo_failed(&mut tx, batch, index).await?);
    };
    let entry = audit::Entry {
        operation: Some(batch),
        tenant: resolved.tenant,
        detail: json!({ "index": index, "note": note }),
        ..caller.did("item.resolved")
    };
    audit::append(&mut tx, entry).await?;
    let ended = operations::settle(&mut tx, batch).await?;
    tx.commit().await?;
    if ended.is_some() {
        cx.ring(Bell::Ends).await;
    }
    cx.counts().forget(batch);
    info!(operation.id = %batch, index, "item {index} of batch {batch} was resolved by hand");
    Ok(())
}

async fn not_undo_failed(
    conn: &mut PgConnection,
    batch: OperationId,
    index: u32,
) -> Result<Problem, Problem> {
    let item = find(conn, batch, index).await?;
    Ok(Problem::item_not_undo_failed(index, item.state))
}

/// One item of a batch.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn find(
    conn: &mut PgConnection,
    batch: OperationId,
    index: u32,
) -> Result<ItemResult, Problem> {
    let found = items::results(conn, batch, None, index.checked_sub(1), 1).await?.pop();
    found.filter(|item| item.index == index).ok_or_else(|| Problem::item_not_found(batch, index))
}
