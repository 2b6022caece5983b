//! Reads one batch and how far it is.

use chrono::{DateTime, Utc};
use domain::{BatchId, BatchState, Mode, Progress};
use sqlx::PgConnection;

use crate::decode::{count, decode};

/// A batch and how far it is.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// Where it is in its life.
    pub state: BatchState,
    /// What one failure means for the others.
    pub mode: Mode,
    /// How often it was set going.
    pub run: i32,
    /// Its items by state.
    pub progress: Progress,
    /// Items that ended in this run; those refused at submission are not among them.
    pub ended_in_run: u64,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When this run's first item was begun.
    pub started_at: Option<DateTime<Utc>>,
    /// When its last item ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is to be set going; `None` once it has been.
    pub run_at: Option<DateTime<Utc>>,
    /// Whether workers leave it alone for now.
    pub paused: bool,
    /// The item whose failure rolled it back.
    pub culprit: Option<Culprit>,
    /// From `started_at`, or `created_at` if it never started, to its end or now, in milliseconds,
    /// by the database's clock.
    pub elapsed_ms: i64,
}

/// The item whose failure rolled an all-or-nothing batch back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Its place in the request.
    pub index: u32,
    /// Why it failed: the stable code.
    pub code: Option<String>,
    /// Why it failed, for people.
    pub message: Option<String>,
}

/// The batch with this id. Items are counted by their index on (batch, state).
///
/// # Errors
/// When the rows cannot be read.
pub async fn find(conn: &mut PgConnection, id: BatchId) -> sqlx::Result<Option<Batch>> {
    let row = sqlx::query_file!("queries/batches/find.sql", id.get()).fetch_optional(conn).await?;
    row.map(|r| {
        Ok(Batch {
            id,
            state: decode(&r.state)?,
            mode: decode(&r.mode)?,
            run: r.run,
            progress: Progress {
                total: count(i64::from(r.total)),
                queued: count(r.queued),
                running: count(r.running),
                retrying: count(r.retrying),
                succeeded: count(r.succeeded),
                failed: count(r.failed),
                cancelled: count(r.cancelled),
                rolled_back: count(r.rolled_back),
            },
            ended_in_run: count(r.ended_in_run),
            created_at: r.created_at,
            started_at: r.started_at,
            finished_at: r.finished_at,
            run_at: r.run_at,
            paused: r.paused,
            culprit: r.culprit_idx.map(|index| Culprit {
                index: u32::try_from(index).unwrap_or_default(),
                code: r.culprit_code,
                message: r.culprit_message,
            }),
            elapsed_ms: r.elapsed_ms,
        })
    })
    .transpose()
}
