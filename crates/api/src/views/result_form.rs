//! The results of a batch, all in one answer: what `Prefer: wait` is answered with.

use std::collections::HashMap;

use contract::{Outcome, ResultForm, RevealedKeys, Summary, TenantResult};
use domain::{ItemState, OperationId, Progress, TenantId};
use store::{
    items::{self, ItemResult},
    operations,
};

use crate::{
    context::Context,
    http::{auth::Caller, problem::Problem},
    reveal::{Of, Page, reveal},
    views::{self, Under},
};

/// Each tenant's key, or why it cannot be shown.
type KeyOf = HashMap<TenantId, Result<String, String>>;

/// Reads the results of `batch`, of those tenants that have ended; with `keys_for`, reveals its keys to
/// that caller.
///
/// # Errors
/// 404 when there is no such batch.
pub(crate) async fn read(
    cx: &Context,
    batch: OperationId,
    keys_for: Option<&Caller>,
) -> Result<ResultForm, Problem> {
    let mut tx = cx.pool().begin().await?;
    let found = operations::find(&mut tx, batch).await?;
    let found = found.ok_or_else(|| Under::Batches.not_found(batch))?;
    let counts = match found.totals {
        Some(totals) => Some(totals),
        None => operations::count(&mut tx, batch).await?,
    };
    let counts = counts.ok_or_else(|| Under::Batches.not_found(batch))?;
    let items = items::results(&mut tx, batch, None, None, None, i64::from(u32::MAX)).await?;
    let keys = match keys_for {
        Some(caller) => reveal(&mut tx, cx, caller, Of::Operation(batch), &Page::default()).await?,
        None => RevealedKeys::default(),
    };
    tx.commit().await?;
    let opened = keys.keys.into_iter().map(|key| (key.tenant_id, Ok(key.api_key)));
    let unreadable = keys.unreadable.into_iter().map(|key| (key.tenant_id, Err(key.reason)));
    let mut keys = opened.chain(unreadable).collect();
    Ok(form(&found, counts.progress, items, &mut keys))
}

fn form(
    batch: &operations::Operation,
    counts: Progress,
    items: Vec<ItemResult>,
    keys: &mut KeyOf,
) -> ResultForm {
    let (total, successful) = (counts.total, counts.succeeded);
    let ended: Vec<_> = items.into_iter().filter(|item| item.state.is_final()).collect();
    let failed = (ended.len() as u64).saturating_sub(successful);
    let message = match total.saturating_sub(successful + failed) {
        0 if failed == 0 => format!("{successful} of {total} tenants succeeded"),
        0 => format!("{successful} of {total} tenants succeeded, {failed} did not"),
        open => format!(
            "{successful} of {total} tenants succeeded, {failed} did not, {open} not finished: ask \
             GET /api/v1/batches/{} again",
            batch.id
        ),
    };
    ResultForm {
        success: successful == total,
        message,
        results: ended.into_iter().map(|item| result(item, keys)).collect(),
        summary: Summary {
            total_requested: total,
            successful,
            failed,
            processing_time_ms: batch.elapsed_ms,
        },
        batch_id: batch.id,
    }
}

fn result(item: ItemResult, keys: &mut KeyOf) -> TenantResult {
    let active = item.state == ItemState::Succeeded;
    let key = item.tenant_id.and_then(|tenant| keys.remove(&tenant));
    let (api_key, api_key_unreadable) = match key {
        Some(Ok(key)) => (Some(key), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, None),
    };
    TenantResult {
        tenant_name: item.tenant_name,
        status: if active { Outcome::Success } else { Outcome::Error },
        tenant_id: item.tenant_id,
        api_key,
        api_key_unreadable,
        schema_name: item.schema_name,
        domain: item.domain,
        error: item.error.as_ref().filter(|_| !active).map(views::item::error),
    }
}
