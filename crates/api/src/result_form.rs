//! The results of a batch, all in one answer: what `Prefer: wait` is answered with.

use std::collections::HashMap;

use domain::{ItemState, OperationId, Progress, TenantId};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use store::{
    items::{self, ItemResult},
    operations,
};
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    context::Context,
    problem::Problem,
    results_view::ErrorView,
    reveal::{self, Keys},
};

/// What became of a batch, all of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResultForm {
    /// Whether every tenant is active.
    pub(crate) success: bool,
    /// The same in words.
    pub(crate) message: String,
    /// What became of each tenant, in the order of the request.
    pub(crate) results: Vec<TenantResult>,
    /// The counts.
    pub(crate) summary: Summary,
    /// The batch, for everything else.
    pub(crate) batch_id: OperationId,
}

/// What became of one tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantResult {
    /// Its name as asked for.
    pub(crate) tenant_name: Option<String>,
    /// Whether it is active.
    pub(crate) status: Outcome,
    /// The tenant, if names were reserved for it.
    pub(crate) tenant_id: Option<TenantId>,
    /// Its API key. Shown to the submitter only, never to a replayed request.
    pub(crate) api_key: Option<String>,
    /// Why its API key cannot be shown; left out when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_key_unreadable: Option<&'static str>,
    /// Its schema.
    pub(crate) schema_name: Option<String>,
    /// Its domain.
    pub(crate) domain: Option<String>,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorView>,
}

/// How one tenant ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It is active.
    Success,
    /// It is not.
    Error,
}

/// The counts of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct Summary {
    /// Tenants asked for.
    total_requested: u64,
    /// Tenants active.
    successful: u64,
    /// Tenants that ended and are not.
    failed: u64,
    /// From the first tenant's start to the last one's end so far, in milliseconds.
    processing_time_ms: i64,
}

/// Each tenant's key, or why it cannot be shown.
type KeyOf = HashMap<TenantId, Result<SecretString, &'static str>>;

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
    let found = found.ok_or_else(|| Problem::batch_not_found(batch))?;
    let counts = match found.totals {
        Some(totals) => Some(totals),
        None => operations::count(&mut tx, batch).await?,
    };
    let counts = counts.ok_or_else(|| Problem::batch_not_found(batch))?;
    let items = items::results(&mut tx, batch, None, None, i64::from(u32::MAX)).await?;
    let keys = match keys_for {
        Some(caller) => reveal::reveal(&mut tx, cx, caller, batch).await?,
        None => Keys::default(),
    };
    tx.commit().await?;
    let opened = keys.revealed.into_iter().map(|r| (r.tenant, Ok(r.key)));
    let unreadable = keys.unreadable.into_iter().map(|u| (u.tenant, Err(u.reason)));
    let keys = opened.chain(unreadable).collect();
    Ok(form(&found, counts.progress, items, &keys))
}

fn form(
    batch: &operations::Operation,
    counts: Progress,
    items: Vec<ItemResult>,
    keys: &KeyOf,
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

fn result(item: ItemResult, keys: &KeyOf) -> TenantResult {
    let active = item.state == ItemState::Succeeded;
    let key = item.tenant_id.and_then(|tenant| keys.get(&tenant));
    TenantResult {
        tenant_name: item.tenant_name,
        status: if active { Outcome::Success } else { Outcome::Error },
        tenant_id: item.tenant_id,
        api_key: key.and_then(|key| Some(key.as_ref().ok()?.expose_secret().to_owned())),
        api_key_unreadable: key.and_then(|key| key.as_ref().err().copied()),
        schema_name: item.schema_name,
        domain: item.domain,
        error: item.error.filter(|_| !active).map(ErrorView::from),
    }
}
