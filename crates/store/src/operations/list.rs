//! Lists operations, newest first.

use chrono::{DateTime, Utc};
use domain::{Kind, Mode, OperationId, OperationState};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::decode::{count, decode};

/// One line of the list. Progress is not in it: counting items is work for one operation at a time.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: OperationId,
    pub kind: Kind,
    /// Where it is in its life.
    pub state: OperationState,
    /// What one failure means for the others.
    pub mode: Mode,
    /// How many items it has.
    pub total: u64,
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

/// At most `limit` operations older than `before`, newest first: ids are ordered by time. Those of `kind`, and
/// those in `state`, only if given.
pub async fn list(
    conn: &mut PgConnection,
    kind: Option<Kind>,
    state: Option<OperationState>,
    before: Option<OperationId>,
    limit: i64,
) -> sqlx::Result<Vec<Line>> {
    let rows = sqlx::query!(
        r#"select id, kind, state, mode, total, created_at, started_at, finished_at, run_at,
                  (paused_at is not null and finished_at is null) as "paused!"
           from tenantry.operations where id < $1 and ($3::text is null or kind = $3) and ($4::text is null or state = $4)
           order by id desc limit $2"#,
        before.map_or(Uuid::max(), OperationId::get),
        limit,
        kind.map(Kind::as_str),
        state.map(OperationState::as_str),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(Line {
                id: OperationId::new(r.id),
                kind: decode(&r.kind)?,
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
