//! Reads what became of an operation's items, page by page.

use domain::{ItemState, OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::decode::decode;

/// What became of one item.
#[derive(Debug, Clone)]
pub struct ItemResult {
    /// Its place in the request.
    pub index: u32,
    /// Where it is in its life.
    pub state: ItemState,
    /// The tenant's name, if the request had one.
    pub tenant_name: Option<String>,
    /// The tenant, if names were reserved for it.
    pub tenant_id: Option<TenantId>,
    /// Its schema, if one was reserved.
    pub schema_name: Option<String>,
    /// Its domain, as reserved or as asked.
    pub domain: Option<String>,
    /// How often a worker took it.
    pub attempts: i32,
    /// Why it failed, or why the last try did.
    pub error: Option<ResultError>,
    /// What it came to, as its kind says.
    pub result: Option<Value>,
    /// The steps of its committed stages, `[{name, state, duration_ms}]`, in the order they ran.
    pub steps: Value,
}

/// Why an item failed, or its last try did.
#[derive(Debug, Clone)]
pub struct ResultError {
    pub code: String,
    /// What the caller is told.
    pub message: String,
    /// The step that failed, if one did.
    pub step: Option<String>,
    /// Whether trying again may help.
    pub retryable: bool,
}

/// At most `limit` items of `operation` after index `after`; those in `state`, and those with this error
/// `code`, only if given.
pub async fn results(
    conn: &mut PgConnection,
    operation: OperationId,
    state: Option<ItemState>,
    code: Option<&str>,
    after: Option<u32>,
    limit: i64,
) -> sqlx::Result<Vec<ItemResult>> {
    let rows = sqlx::query_file!(
        "queries/items/results.sql",
        operation.get(),
        state.map(ItemState::as_str),
        after.map_or(-1, |index| i32::try_from(index).unwrap_or(i32::MAX)),
        limit,
        code,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let message = r.error_message.unwrap_or_default();
            let retryable = r.error_retryable.unwrap_or_default();
            let step = r.error_step;
            Ok(ItemResult {
                index: u32::try_from(r.idx).unwrap_or_default(),
                state: decode(&r.state)?,
                tenant_name: r.tenant_name,
                tenant_id: r.tenant_id.map(TenantId::new),
                schema_name: r.schema_name,
                domain: r.domain,
                attempts: r.attempt,
                error: r.error_code.map(|code| ResultError { code, message, step, retryable }),
                result: r.result,
                steps: r.steps,
            })
        })
        .collect()
}
