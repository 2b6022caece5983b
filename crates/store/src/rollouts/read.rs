//! Reads rollouts and their waves.

use chrono::{DateTime, Utc};
use domain::{HaltRules, OperationId, OperationState, PauseReason, WaveState};
use serde_json::Value;
use sqlx::{PgConnection, types::Uuid};

use crate::decode::{decode, natural, unreadable};

/// A wave, with what became of its items.
#[derive(Debug, Clone)]
pub struct WaveView {
    /// Its number, from 1.
    pub wave: u16,
    pub state: WaveState,
    /// How its tenants were chosen.
    pub chosen: Value,
    pub parallel: Option<u32>,
    /// When it halts; `None`: never.
    pub halt: Option<HaltRules>,
    pub bake_secs: u32,
    pub gated: bool,
    pub began_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub bake_until: Option<DateTime<Utc>>,
    pub total: u64,
    pub waiting: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub skipped: u64,
    pub cancelled: u64,
}

/// The waves of a rollout, in order; none if the operation is no rollout. Counts its items, by an index.
pub async fn views(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<Vec<WaveView>> {
    sqlx::query_file!("queries/rollouts/views.sql", operation.get())
        .try_map(|r| {
            let number = |n: i32| u32::try_from(n).unwrap_or_default();
            Ok(WaveView {
                wave: u16::try_from(r.wave).unwrap_or_default(),
                state: decode(&r.state)?,
                chosen: r.chosen,
                parallel: r.parallel.map(number),
                halt: r.halt.map(serde_json::from_value).transpose().map_err(unreadable)?,
                bake_secs: number(r.bake_secs),
                gated: r.gated,
                began_at: r.began_at,
                ended_at: r.ended_at,
                bake_until: r.bake_until,
                total: natural(i64::from(r.total)),
                waiting: natural(r.waiting),
                running: natural(r.running),
                succeeded: natural(r.succeeded),
                failed: natural(r.failed),
                skipped: natural(r.skipped),
                cancelled: natural(r.cancelled),
            })
        })
        .fetch_all(conn)
        .await
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedGroup {
    pub code: String,
    pub step: Option<String>,
    pub tenants: u64,
    /// What one of them was told.
    pub message: Option<String>,
    /// The index of the first of them.
    pub first: u32,
}

/// The failures of `operation` by code and step, the most frequent first, 20 at most. Reads its failed items.
pub async fn failed(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Vec<FailedGroup>> {
    sqlx::query_file!("queries/rollouts/failed.sql", operation.get())
        .map(|r| FailedGroup {
            code: r.code,
            step: r.step,
            tenants: natural(r.tenants),
            message: r.message,
            first: u32::try_from(r.first).unwrap_or_default(),
        })
        .fetch_all(conn)
        .await
}

/// Where a rollout is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The wave in work, from 1; 0: none has begun.
    pub wave: u16,
    pub promote_all: bool,
    /// Why it waits, also for a person.
    pub reasons: Vec<PauseReason>,
}

impl Place {
    pub(crate) fn read(
        wave: Option<i16>,
        promote_all: bool,
        reasons: &[String],
    ) -> sqlx::Result<Option<Self>> {
        let Some(wave) = wave else { return Ok(None) };
        let wave = u16::try_from(wave).unwrap_or_default();
        let reasons = reasons.iter().map(|reason| decode(reason)).collect::<sqlx::Result<_>>()?;
        Ok(Some(Self { wave, promote_all, reasons }))
    }
}

/// A rollout of a list.
#[derive(Debug, Clone)]
pub struct Summary {
    pub id: OperationId,
    pub state: OperationState,
    pub params: Value,
    pub total: u64,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub place: Place,
    pub waves: u16,
}

/// Rollouts before `before`, the newest first.
pub async fn list(
    conn: &mut PgConnection,
    before: Option<OperationId>,
    limit: i64,
) -> sqlx::Result<Vec<Summary>> {
    sqlx::query!(
        r#"select o.id, o.state, o.params, o.total, o.created_at, o.finished_at, o.wave, o.promote_all,
                  case when o.finished_at is null then o.pause_reasons else '{}' end as "reasons!",
                  (select max(w.wave) from tenantry.rollout_waves w where w.operation_id = o.id) as waves
           from tenantry.operations o
           where o.wave is not null and o.id < $1
           order by o.id desc limit $2"#,
        before.map_or(Uuid::max(), OperationId::get),
        limit,
    )
    .try_map(|r| {
        let place = Place::read(r.wave, r.promote_all, &r.reasons)?;
        Ok(Summary {
            id: OperationId::new(r.id),
            state: decode(&r.state)?,
            params: r.params,
            total: natural(i64::from(r.total)),
            created_at: r.created_at,
            finished_at: r.finished_at,
            place: place.ok_or_else(|| unreadable("a rollout without a wave"))?,
            waves: r.waves.and_then(|n| u16::try_from(n).ok()).unwrap_or_default(),
        })
    })
    .fetch_all(conn)
    .await
}
