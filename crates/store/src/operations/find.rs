//! Reads one operation.

use chrono::{DateTime, Utc};
use domain::{Kind, Mode, OperationId, OperationState, Progress};
use serde_json::Value;
use sqlx::PgConnection;

use super::Counts;
use crate::decode::{count, decode};

/// An operation, without its items.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: OperationId,
    pub kind: Kind,
    /// What the kind has to know, as JSON.
    pub params: Value,
    /// Where it is in its life.
    pub state: OperationState,
    /// What one failure means for the others.
    pub mode: Mode,
    /// How often it was set going.
    pub run: i32,
    /// How many items it has.
    pub total: u64,
    /// What became of its items; there only when it is over. `None` with an end too when a version
    /// that knew of no totals ended it: [`super::count`] then.
    pub totals: Option<Counts>,
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

/// The item whose failure rolled an all-or-nothing operation back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Its place in the request.
    pub index: u32,
    /// Why it failed: the stable code.
    pub code: Option<String>,
    /// Why it failed, for people.
    pub message: Option<String>,
}

/// The operation with this id. Costs the same whatever its size.
pub async fn find(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<Operation>> {
    let row =
        sqlx::query_file!("queries/operations/find.sql", id.get()).fetch_optional(conn).await?;
    row.map(|r| {
        let total = count(i64::from(r.total));
        let column = |n: Option<i32>| count(i64::from(n.unwrap_or_default()));
        let totals = r.has_totals.then(|| Counts {
            run: r.run,
            progress: Progress {
                total,
                succeeded: column(r.total_succeeded),
                failed: column(r.total_failed),
                cancelled: column(r.total_cancelled),
                rolled_back: column(r.total_rolled_back),
                ..Progress::default()
            },
            ended_in_run: column(r.total_ended_in_run),
        });
        Ok(Operation {
            id,
            kind: decode(&r.kind)?,
            params: r.params,
            state: decode(&r.state)?,
            mode: decode(&r.mode)?,
            run: r.run,
            total,
            totals,
            created_at: r.created_at,
            started_at: r.started_at,
            finished_at: r.finished_at,
            run_at: r.run_at,
            paused: r.paused,
            culprit: r.culprit_idx.map(|index| {
                let index = u32::try_from(index).unwrap_or_default();
                Culprit { index, code: r.culprit_code, message: r.culprit_message }
            }),
            elapsed_ms: r.elapsed_ms,
        })
    })
    .transpose()
}

/// What the operation with this id does.
pub async fn kind(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<Kind>> {
    let kind = sqlx::query_scalar!("select kind from tenantry.operations where id = $1", id.get())
        .fetch_optional(conn)
        .await?;
    kind.as_deref().map(decode).transpose()
}
