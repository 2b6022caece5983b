//! Reads operations, and how far they are.

use chrono::{DateTime, Utc};
use domain::{Kind, Mode, OperationId, OperationState, Progress};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    decode::{decode, natural},
    rollouts::Place,
};

/// An operation, without its items.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: OperationId,
    pub kind: Kind,
    pub params: Value,
    pub state: OperationState,
    pub mode: Mode,
    /// How often it was set going.
    pub run: i32,
    pub total: u64,
    /// What became of its items; there only when it is over. `None` with an end too when a version
    /// that knew of no totals ended it: [`super::count`] then.
    pub totals: Option<Counts>,
    pub created_at: DateTime<Utc>,
    /// When this run's first item was begun.
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is to be set going; `None` once it has been.
    pub run_at: Option<DateTime<Utc>>,
    pub paused: bool,
    /// Where it is, if it is a rollout.
    pub rollout: Option<Place>,
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
    sqlx::query_file!("queries/operations/find.sql", id.get())
        .try_map(|r| {
            let total = natural(i64::from(r.total));
            let column = |n: Option<i32>| natural(i64::from(n.unwrap_or_default()));
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
                rollout: Place::read(r.wave, r.promote_all, &r.reasons)?,
                culprit: r.culprit_idx.map(|index| {
                    let index = u32::try_from(index).unwrap_or_default();
                    Culprit { index, code: r.culprit_code, message: r.culprit_message }
                }),
                elapsed_ms: r.elapsed_ms,
            })
        })
        .fetch_optional(conn)
        .await
}

/// What the operation with this id does.
pub async fn kind(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<Kind>> {
    sqlx::query!("select kind from tenantry.operations where id = $1", id.get())
        .try_map(|row| decode(&row.kind))
        .fetch_optional(conn)
        .await
}

/// One line of the list. Progress is not in it: counting items is work for one operation at a time.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: OperationId,
    pub kind: Kind,
    pub state: OperationState,
    pub mode: Mode,
    pub total: u64,
    pub created_at: DateTime<Utc>,
    /// When its latest run's first item was begun.
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is to be set going; `None` once it has been.
    pub run_at: Option<DateTime<Utc>>,
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
    sqlx::query!(
        r#"select id, kind, state, mode, total, created_at, started_at, finished_at, run_at,
                  (paused_at is not null and finished_at is null) as "paused!"
           from tenantry.operations where id < $1 and ($3::text is null or kind = $3) and ($4::text is null or state = $4)
           order by id desc limit $2"#,
        before.map_or(Uuid::max(), OperationId::get),
        limit,
        kind.map(Kind::as_str),
        state.map(OperationState::as_str),
    )
    .try_map(|r| {
            Ok(Line {
                id: OperationId::new(r.id),
                kind: decode(&r.kind)?,
                state: decode(&r.state)?,
                mode: decode(&r.mode)?,
                total: natural(i64::from(r.total)),
                created_at: r.created_at,
                started_at: r.started_at,
                finished_at: r.finished_at,
                run_at: r.run_at,
                paused: r.paused,
            })
        })
    .fetch_all(conn)
    .await
}

/// Where the items of an operation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The run in which they are there.
    pub run: i32,
    pub progress: Progress,
    /// Items that ended in this run; those refused at submission are not among them.
    pub ended_in_run: u64,
}

/// Where the items of `operation` are now; `None` when there is no such operation. Reads every item, by
/// the index on their operation.
pub async fn count(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<Counts>> {
    sqlx::query_file!("queries/operations/count.sql", operation.get())
        .map(|r| Counts {
            run: r.run,
            progress: Progress {
                total: natural(i64::from(r.total)),
                queued: natural(r.queued),
                running: natural(r.running),
                retrying: natural(r.retrying),
                succeeded: natural(r.succeeded),
                failed: natural(r.failed),
                cancelled: natural(r.cancelled),
                rolled_back: natural(r.rolled_back),
            },
            ended_in_run: natural(r.ended_in_run),
        })
        .fetch_optional(conn)
        .await
}

/// Whether the operation with this id is over; `None` when there is none.
pub async fn is_finished(conn: &mut PgConnection, id: OperationId) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"select finished_at is not null as "finished!" from tenantry.operations where id = $1"#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
}

/// Those of `operations` that are over. One statement whatever their number.
pub async fn ended_among(
    conn: &mut PgConnection,
    operations: &[OperationId],
) -> sqlx::Result<Vec<OperationId>> {
    let ids: Vec<_> = operations.iter().map(|operation| operation.get()).collect();
    sqlx::query!(
        "select id from tenantry.operations where id = any($1) and finished_at is not null",
        &ids,
    )
    .map(|row| OperationId::new(row.id))
    .fetch_all(conn)
    .await
}

/// Where the count stops: from here on one operation more makes little difference.
const MOST: i64 = 100;

/// How many other operations of the caller who submitted `operation` are under way: not over, not paused,
/// and not for later. Counts no further than 100, by an index that holds such operations alone.
pub async fn ahead(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<u32> {
    let others = sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from tenantry.operations o
               where o.created_by = (select created_by from tenantry.operations where id = $1)
                 and o.finished_at is null and o.run_at is null and o.paused_at is null
                 and o.id <> $1
               limit $2) as others"#,
        operation.get(),
        MOST,
    )
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(others).unwrap_or(u32::MAX))
}
