//! Moves a rollout from wave to wave.

use domain::{HaltRules, ItemId, Kind, OperationId, PauseReason, WaveState};
use sqlx::PgConnection;

use crate::decode::{decode, natural, unreadable, with_kind};

/// An open rollout; its row is locked.
#[derive(Debug, Clone)]
pub struct Rolling {
    pub id: OperationId,
    /// The wave in work, from 1; 0: none has begun.
    pub wave: i16,
    /// Gates and bake times are passed over.
    pub promote_all: bool,
    pub reasons: Vec<PauseReason>,
    /// It waits for its time.
    pub is_later: bool,
}

/// The rollout, if `operation` is one and neither over nor ending. Its row stays locked until the transaction
/// ends.
pub async fn lock(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<Rolling>> {
    sqlx::query!(
        r#"select wave as "wave!", promote_all, pause_reasons, run_at is not null as "is_later!"
           from tenantry.operations
           where id = $1 and wave is not null and finished_at is null and state in ('queued', 'running')
           for no key update"#,
        operation.get(),
    )
    .try_map(|row| {
        let reasons = row.pause_reasons.iter().map(|reason| decode(reason));
        let reasons = reasons.collect::<sqlx::Result<_>>()?;
        let (wave, promote_all, is_later) = (row.wave, row.promote_all, row.is_later);
        Ok(Rolling { id: operation, wave, promote_all, reasons, is_later })
    })
    .fetch_optional(conn)
    .await
}

/// A wave, as it moves.
#[derive(Debug, Clone)]
pub struct WaveRow {
    pub wave: i16,
    pub total: u64,
    pub state: WaveState,
    /// So many are in work at once, at most.
    pub parallel: Option<i32>,
    pub halt: Option<HaltRules>,
    pub bake_secs: i32,
    pub gated: bool,
    pub promoted: bool,
    /// Its bake time is over, or it has none.
    pub is_baked: bool,
    /// No wave follows.
    pub is_last: bool,
}

/// The wave of this number; `None` when there are not so many.
pub async fn wave(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
) -> sqlx::Result<Option<WaveRow>> {
    sqlx::query!(
        r#"select total, state, parallel, halt, bake_secs, gated, promoted,
                  coalesce(bake_until <= clock_timestamp(), true) as "is_baked!",
                  not exists (select from tenantry.rollout_waves n
                              where n.operation_id = $1 and n.wave > $2) as "is_last!"
           from tenantry.rollout_waves where operation_id = $1 and wave = $2"#,
        operation.get(),
        wave,
    )
    .try_map(|row| {
        Ok(WaveRow {
            wave,
            total: natural(i64::from(row.total)),
            state: decode(&row.state)?,
            parallel: row.parallel,
            halt: row.halt.map(serde_json::from_value).transpose().map_err(unreadable)?,
            bake_secs: row.bake_secs,
            gated: row.gated,
            promoted: row.promoted,
            is_baked: row.is_baked,
            is_last: row.is_last,
        })
    })
    .fetch_optional(conn)
    .await
}

/// Makes `wave` the one in work.
pub async fn begin(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
) -> sqlx::Result<bool> {
    let begun = sqlx::query!(
        "with operation as (
             update tenantry.operations set wave = $2 where id = $1 and finished_at is null returning id
         )
         update tenantry.rollout_waves w
         set state = 'running', began_at = coalesce(w.began_at, clock_timestamp()), ended_at = null,
             bake_until = null
         from operation o where w.operation_id = o.id and w.wave = $2 and w.state in ('waiting', 'running')",
        operation.get(),
        wave,
    )
    .execute(conn)
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// Ends what the wave in work is at. `ended_at` is the end of its last item, and where a bake time begins.
pub async fn set_state(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
    state: WaveState,
    bake_secs: Option<i32>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.rollout_waves
         set state = $3, ended_at = case when $3 = 'running' then null
                                         else coalesce(ended_at, clock_timestamp()) end,
             bake_until = case when $3 = 'baking' then clock_timestamp() + make_interval(secs => $4) end
         where operation_id = $1 and wave = $2
           and (state in ('running', 'baking', 'gated') and $3 in ('baking', 'gated', 'halted', 'unclear', 'done')
                or state in ('halted', 'unclear') and $3 = 'running')",
        operation.get(),
        wave,
        state.as_str(),
        bake_secs.map(f64::from),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// What of a wave is not over; counted no further than asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InWork {
    /// Items that are queued or in work.
    pub open: i64,
    /// Whether some are planned yet.
    pub planned: bool,
}

/// Counts at most `most` items of the wave that are in work.
pub async fn in_work(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
    most: i64,
) -> sqlx::Result<InWork> {
    sqlx::query_as!(
        InWork,
        r#"select (select count(*) from (
                       select from tenantry.operation_items
                       where operation_id = $1 and wave = $2
                         and state in ('queued', 'waiting', 'running', 'retrying', 'unwinding')
                       limit $3) as open) as "open!",
                  exists (select from tenantry.operation_items
                          where operation_id = $1 and wave = $2 and state = 'planned') as "planned!""#,
        operation.get(),
        wave,
        most,
    )
    .fetch_one(conn)
    .await
}

/// `planned → queued` for the next `portion` items of the wave, in order. The caller gives them their jobs in
/// the same transaction.
pub async fn line_up(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
    portion: i64,
) -> sqlx::Result<Vec<(ItemId, Kind)>> {
    sqlx::query!(
        r#"with next as (
               select id, idx from tenantry.operation_items
               where operation_id = $1 and wave = $2 and state = 'planned'
               order by idx limit $3 for update
           ), moved as (
               update tenantry.operation_items i
               set state = 'queued', next_attempt_at = clock_timestamp()
               from next where i.id = next.id and i.state || '' = 'planned' -- found by id
               returning i.id, i.idx
           )
           select moved.id, o.kind from moved
           join tenantry.operations o on o.id = $1
           order by moved.idx"#,
        operation.get(),
        wave,
        portion,
    )
    .try_map(|row| with_kind(row.id, &row.kind))
    .fetch_all(conn)
    .await
}

/// Counts the items of a wave that succeeded. Reads them all, once, when the wave is over.
pub async fn succeeded(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: i16,
) -> sqlx::Result<u64> {
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from tenantry.operation_items
           where operation_id = $1 and wave = $2 and state = 'succeeded'"#,
        operation.get(),
        wave,
    )
    .fetch_one(conn)
    .await
    .map(natural)
}

/// The rollout waits for `reason` too: workers claim nothing more of it.
pub async fn pause(
    conn: &mut PgConnection,
    operation: OperationId,
    reason: PauseReason,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.operations
         set paused_at = coalesce(paused_at, clock_timestamp()),
             pause_reasons = array_append(array_remove(pause_reasons, $2), $2)
         where id = $1 and finished_at is null",
        operation.get(),
        reason.as_str(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The rollout waits for nothing of its own any more; a pause of a person stays.
pub async fn let_on(conn: &mut PgConnection, operation: OperationId) -> sqlx::Result<()> {
    sqlx::query!(
        "update tenantry.operations
         set paused_at = case when 'user' = any(pause_reasons) then paused_at end,
             pause_reasons = case when 'user' = any(pause_reasons) then '{user}' else '{}' end::text[]
         where id = $1 and finished_at is null",
        operation.get(),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Open rollouts that have to be moved on, at most 100: whoever ended the last item of their wave died before
/// it could, or a bake time is over.
pub async fn due(conn: &mut PgConnection) -> sqlx::Result<Vec<OperationId>> {
    sqlx::query_file!("queries/rollouts/due.sql")
        .map(|row| OperationId::new(row.id))
        .fetch_all(conn)
        .await
}
