//! Reads what became of items: page by page, and of one its times and what it waits for.

use chrono::{DateTime, Utc};
use domain::{ItemError, ItemId, ItemState, Kind, OperationId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::decode::{decode, item_error};

/// What became of one item.
#[derive(Debug, Clone)]
pub struct ItemResult {
    /// Its place in the request.
    pub index: u32,
    pub state: ItemState,
    /// The tenant's name, if the request had one.
    pub tenant_name: Option<String>,
    /// The tenant, if names were reserved for it.
    pub tenant_id: Option<TenantId>,
    pub schema_name: Option<String>,
    /// Its domain, as reserved or as asked.
    pub domain: Option<String>,
    pub attempts: i32,
    /// Why it failed, or why the last try did.
    pub error: Option<ItemError>,
    /// What it came to, as its kind says.
    pub result: Option<Value>,
    /// The steps of its committed stages, `[{name, state, duration_ms}]`, in the order they ran.
    pub steps: Value,
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
    sqlx::query_file!(
        "queries/items/results.sql",
        operation.get(),
        state.map(ItemState::as_str),
        after.map_or(-1, |index| i32::try_from(index).unwrap_or(i32::MAX)),
        limit,
        code,
    )
    .try_map(|r| {
        Ok(ItemResult {
            index: u32::try_from(r.idx).unwrap_or_default(),
            state: decode(&r.state)?,
            tenant_name: r.tenant_name,
            tenant_id: r.tenant_id.map(TenantId::new),
            schema_name: r.schema_name,
            domain: r.domain,
            attempts: r.attempt,
            error: item_error(r.error_code, r.error_message, r.error_step, r.error_retryable),
            result: r.result,
            steps: r.steps,
        })
    })
    .fetch_all(conn)
    .await
}

/// The times of an item, and what can hold it up.
#[derive(Debug, Clone)]
pub struct Story {
    pub id: ItemId,
    pub state: ItemState,
    pub kind: Kind,
    /// What the kind has to know.
    pub params: Value,
    /// Whether its operation is paused.
    pub paused: bool,
    /// When its operation is to be set going; `None` once it has been.
    pub run_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is to be tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The item that comes before it at its tenant.
    pub held_by: Option<Holder>,
}

/// An item that works on a tenant, or waits for it before another one.
#[derive(Debug, Clone)]
pub struct Holder {
    pub operation: OperationId,
    /// Its place in the operation.
    pub index: u32,
    pub kind: Kind,
    pub state: ItemState,
}

/// The times of the item at `index` of `operation`, and what holds it up.
pub async fn story(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<Story>> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    sqlx::query_file!("queries/items/story.sql", operation.get(), index)
        .try_map(|r| {
            let held_by = match (r.held_by, r.held_idx, r.held_kind, r.held_state) {
                (Some(id), Some(index), Some(kind), Some(state)) => Some(Holder {
                    operation: OperationId::new(id),
                    index: u32::try_from(index).unwrap_or_default(),
                    kind: decode(&kind)?,
                    state: decode(&state)?,
                }),
                _ => None,
            };
            Ok(Story {
                id: ItemId::new(r.id),
                state: decode(&r.state)?,
                kind: decode(&r.kind)?,
                params: r.params,
                paused: r.paused,
                run_at: r.run_at,
                created_at: r.created_at,
                started_at: r.started_at,
                finished_at: r.finished_at,
                next_attempt_at: r.next_attempt_at,
                held_by,
            })
        })
        .fetch_optional(conn)
        .await
}
