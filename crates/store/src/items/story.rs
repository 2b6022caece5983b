//! Reads what concerns one item alone: its times, and what it waits for.

use chrono::{DateTime, Utc};
use domain::{ItemId, ItemState, Kind, OperationId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::decode::decode;

/// The times of an item, and what can hold it up.
#[derive(Debug, Clone)]
pub struct Story {
    pub id: ItemId,
    /// Where it is in its life.
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
    /// Where the item is in its life.
    pub state: ItemState,
}

/// The times of the item at `index` of `operation`, and what holds it up.
pub async fn story(
    conn: &mut PgConnection,
    operation: OperationId,
    index: u32,
) -> sqlx::Result<Option<Story>> {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    let row = sqlx::query_file!("queries/items/story.sql", operation.get(), index)
        .fetch_optional(conn)
        .await?;
    let Some(r) = row else { return Ok(None) };
    let held_by = match (r.held_by, r.held_idx, r.held_kind, r.held_state) {
        (Some(id), Some(index), Some(kind), Some(state)) => Some(Holder {
            operation: OperationId::new(id),
            index: u32::try_from(index).unwrap_or_default(),
            kind: decode(&kind)?,
            state: decode(&state)?,
        }),
        _ => None,
    };
    Ok(Some(Story {
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
    }))
}
