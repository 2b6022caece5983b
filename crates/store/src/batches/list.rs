//! Lists batches, newest first.

use chrono::{DateTime, Utc};
use domain::{BatchId, BatchState, Mode};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::decode::{count, decode};

/// One line of the list. Progress is not in it: counting items is work for one batch at a time.
#[derive(Debug, Clone)]
pub struct BatchLine {
    /// Its id.
    pub id: BatchId,
    /// Where it is in its life.
    pub state: BatchState,
    /// What one failure means for the others.
    pub mode: Mode,
    /// How many items it has.
    pub total: u64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its latest run's first item was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last item ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is to be set going; `None` once it has been.
    pub run_at: Option<DateTime<Utc>>,
    /// Whether workers leave it alone for now.
    pub paused: bool,
}

/// At most `limit` batches older than `before`, newest first: ids are ordered by time.
///
/// # Errors
/// When the rows cannot be read.
pub async fn list(
    conn: &mut PgConnection,
    before: Option<BatchId>,
    limit: i64,
) -> sqlx::Result<Vec<BatchLine>> {
    let rows = sqlx::query!(
        r#"select id, state, mode, total, created_at, started_at, finished_at, run_at,
                  (paused_at is not null and finished_at is null) as "paused!"
           from tenantry.batches where id < $1 order by id desc limit $2"#,
        before.map_or(Uuid::max(), BatchId::get),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(BatchLine {
                id: BatchId::new(r.id),
                state: decode(&r.state)?,
                mode: decode(&r.mode)?,
                total: count(i64::from(r.total)),
                created_at: r.created_at,
                started_at: r.started_at,
                finished_at: r.finished_at,
                run_at: r.run_at,
                paused: r.paused,
            })
        })
        .collect()
}
