//! Records a new batch.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{BatchId, Mode, OperatorId};
use sqlx::PgConnection;

/// A batch about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewBatchRow {
    /// Its id, minted by the caller.
    pub id: BatchId,
    /// What one failure means for the others.
    pub mode: Mode,
    /// How many items it has; at least 1.
    pub total: usize,
    /// Who submitted it.
    pub created_by: Option<OperatorId>,
    /// Not to be set going before; `None`: at once.
    pub run_at: Option<DateTime<Utc>>,
    /// How long it has from its start until what is left of it is failed.
    pub timeout: Duration,
}

/// Records `batch` in state `queued`. A batch none of whose items was accepted is ended by
/// [`super::settle`] like any other.
///
/// # Errors
/// When the row cannot be written.
pub async fn insert(conn: &mut PgConnection, batch: NewBatchRow) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.batches (id, state, mode, total, created_by, run_at, deadline_at)
         values ($1, 'queued', $2, $3, $4, $5, coalesce($5, now()) + make_interval(secs => $6))",
        batch.id.get(),
        batch.mode.as_str(),
        i32::try_from(batch.total).unwrap_or(i32::MAX),
        batch.created_by.map(OperatorId::get),
        batch.run_at,
        batch.timeout.as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
