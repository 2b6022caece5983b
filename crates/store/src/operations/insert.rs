//! Records a new operation.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Mode, OperationId, OperatorId};
use sqlx::PgConnection;

/// An operation about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewOperationRow {
    /// Its id, minted by the caller.
    pub id: OperationId,
    /// What one failure means for the others.
    pub mode: Mode,
    /// How many items it has; at least 1.
    pub total: usize,
    pub created_by: Option<OperatorId>,
    /// Not to be set going before; `None`: at once.
    pub run_at: Option<DateTime<Utc>>,
    /// How long it has from its start until what is left of it is failed.
    pub timeout: Duration,
}

/// Records `operation` in state `queued`. An operation none of whose items was accepted is ended by
/// [`super::settle`] like any other.
pub async fn insert(conn: &mut PgConnection, operation: NewOperationRow) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into tenantry.operations (id, state, mode, total, created_by, run_at, deadline_at)
         values ($1, 'queued', $2, $3, $4, $5, coalesce($5, now()) + make_interval(secs => $6))",
        operation.id.get(),
        operation.mode.as_str(),
        i32::try_from(operation.total).unwrap_or(i32::MAX),
        operation.created_by.map(OperatorId::get),
        operation.run_at,
        operation.timeout.as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
