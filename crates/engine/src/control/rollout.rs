//! Takes a rollout from wave to wave: lines up the tenants of the one in work in portions, says how it went,
//! and waits where the rollout is to wait.
//!
//! Called after an item of it has ended, and by the sweep. Every act locks the operation's row, so any number of
//! workers may try at once; times are the database's.

use std::time::Duration;

use domain::{OperationId, PauseReason, Verdict, WaveState};
use queue::{Bell, Line};
use serde_json::json;
use sqlx::PgConnection;
use store::{
    Connections,
    audit::{self, By},
    births::Begin,
    items::Claim,
    operations,
    rollouts::{self, Rolling, WaveRow},
};
use tracing::{info, warn};

use super::births;

/// Items of a wave that have jobs at once, at most: what a transaction lines up stays small, and few jobs are
/// in vain when the wave halts.
const PORTION: i64 = 1_000;

/// Moves the rollout as far as it can go now; does nothing to any other operation.
///
/// # Errors
/// When the database fails; the next sweep does it then.
pub async fn roll_on(pool: &Connections, by: By<'_>, operation: OperationId) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let lined_up = move_on(&mut tx, by, operation).await?;
    tx.commit().await?;
    if lined_up > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(())
}

/// The same in the caller's transaction; says how many jobs there are to ring for.
pub(super) async fn move_on(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
) -> sqlx::Result<usize> {
    let Some(mut rolling) = rollouts::lock(conn, operation).await? else { return Ok(0) };
    if rolling.is_later || rolling.reasons.contains(&PauseReason::User) {
        return Ok(0);
    }
    loop {
        let wave = rollouts::wave(conn, operation, rolling.wave).await?;
        let Some(wave) = wave.filter(|wave| wave.state != WaveState::Done) else {
            match begin_next(conn, by, &mut rolling).await? {
                true => continue,
                false => return Ok(0),
            }
        };
        match wave.state {
            WaveState::Running => {
                let in_work = rollouts::in_work(conn, operation, wave.wave, PORTION).await?;
                if in_work.planned {
                    return line_up(conn, &wave, operation, in_work.open).await;
                }
                if in_work.open > 0 {
                    return Ok(0);
                }
                over(conn, by, &rolling, &wave).await?;
            }
            WaveState::Baking if wave.is_baked => baked(conn, by, &rolling, &wave).await?,
            _ => return Ok(0),
        }
    }
}

/// Makes the wave behind the one in work the next; false: there is none.
async fn begin_next(
    conn: &mut PgConnection,
    by: By<'_>,
    rolling: &mut Rolling,
) -> sqlx::Result<bool> {
    let next = rolling.wave + 1;
    if !rollouts::begin(conn, rolling.id, next).await? {
        return Ok(false);
    }
    rolling.wave = next;
    if rollouts::wave(conn, rolling.id, next).await?.is_some_and(|wave| wave.is_last) {
        births::begin(conn, by, rolling.id, Begin::LastWave).await?;
    }
    if !rollouts::in_work(conn, rolling.id, next, 1).await?.planned {
        // Nothing is to be done in it, so nothing follows from it.
        rollouts::set_state(conn, rolling.id, next, WaveState::Done, None).await?;
        return Ok(true);
    }
    tell(conn, by, rolling.id, next, "rollout.wave_began").await?;
    Ok(true)
}

async fn line_up(
    conn: &mut PgConnection,
    wave: &WaveRow,
    operation: OperationId,
    open: i64,
) -> sqlx::Result<usize> {
    let most = wave.parallel.map_or(PORTION, |parallel| PORTION.min(parallel.into()));
    if open >= most {
        return Ok(0);
    }
    let items = rollouts::line_up(conn, operation, wave.wave, most - open).await?;
    let ahead = operations::ahead(conn, operation).await?;
    Line::new(Duration::ZERO, ahead).add(conn, &items).await?;
    Ok(items.len())
}

/// All tenants of the wave have ended: says how it went, and what follows.
async fn over(
    conn: &mut PgConnection,
    by: By<'_>,
    rolling: &Rolling,
    wave: &WaveRow,
) -> sqlx::Result<()> {
    let verdict = verdict(conn, rolling.id, wave).await?;
    match verdict {
        // The operation ends with its last wave, whatever came of that.
        _ if wave.is_last => {
            rollouts::set_state(conn, rolling.id, wave.wave, WaveState::Done, None).await
        }
        Verdict::Fail => stop_at(conn, by, rolling.id, wave.wave, PauseReason::Halt).await,
        Verdict::Unclear => stop_at(conn, by, rolling.id, wave.wave, PauseReason::Unclear).await,
        Verdict::Pass if wave.bake_secs > 0 && !rolling.promote_all => {
            rollouts::pause(conn, rolling.id, PauseReason::Bake).await?;
            let secs = Some(wave.bake_secs);
            rollouts::set_state(conn, rolling.id, wave.wave, WaveState::Baking, secs).await?;
            tell(conn, by, rolling.id, wave.wave, "rollout.wave_bakes").await
        }
        Verdict::Pass => baked(conn, by, rolling, wave).await,
    }
}

async fn verdict(
    conn: &mut PgConnection,
    operation: OperationId,
    wave: &WaveRow,
) -> sqlx::Result<Verdict> {
    if wave.promoted {
        return Ok(Verdict::Pass);
    }
    let failures = rollouts::failures(conn, operation, wave.wave).await?;
    let succeeded = rollouts::succeeded(conn, operation, wave.wave).await?;
    let halts =
        wave.halt.is_some_and(|it| it.reached(wave.total, failures.all, failures.same_code));
    Ok(Verdict::of(wave.total, succeeded + failures.all, halts))
}

/// The bake time is over: the gate, or the next wave.
async fn baked(
    conn: &mut PgConnection,
    by: By<'_>,
    rolling: &Rolling,
    wave: &WaveRow,
) -> sqlx::Result<()> {
    rollouts::let_on(conn, rolling.id).await?;
    if wave.gated && !rolling.promote_all {
        rollouts::pause(conn, rolling.id, PauseReason::Gate).await?;
        rollouts::set_state(conn, rolling.id, wave.wave, WaveState::Gated, None).await?;
        return tell(conn, by, rolling.id, wave.wave, "rollout.gate_reached").await;
    }
    rollouts::set_state(conn, rolling.id, wave.wave, WaveState::Done, None).await
}

async fn stop_at(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
    wave: i16,
    reason: PauseReason,
) -> sqlx::Result<()> {
    let (state, action) = match reason {
        PauseReason::Halt => (WaveState::Halted, "rollout.halted"),
        _ => (WaveState::Unclear, "rollout.unclear"),
    };
    rollouts::pause(conn, operation, reason).await?;
    rollouts::set_state(conn, operation, wave, state, None).await?;
    warn!(operation.id = %operation, wave, "rollout {operation} waits for a person: wave {wave} is {state}");
    tell(conn, by, operation, wave, action).await
}

async fn tell(
    conn: &mut PgConnection,
    by: By<'_>,
    operation: OperationId,
    wave: i16,
    action: &str,
) -> sqlx::Result<()> {
    info!(operation.id = %operation, wave, "{action}: wave {wave} of operation {operation}");
    let (detail, entry) = (json!({ "wave": wave }), by.did(action));
    audit::append(conn, audit::Entry { operation: Some(operation), detail, ..entry }).await
}

/// Counts a failure of `claim` that is being recorded in this transaction `record`s, and halts its wave if that
/// is one too many. Gives back what `record` says.
///
/// # Errors
/// When the database fails; the caller rolls back.
pub async fn count_failure<T>(
    conn: &mut PgConnection,
    claim: &Claim,
    record: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    // The operation before the item, as everybody else locks them.
    let rules = match claim.wave {
        Some(wave) => rollouts::lock_for_failure(conn, claim.operation, wave).await?,
        None => None,
    };
    let recorded = record(conn).await?;
    if let (Some((rules, total)), Some(wave)) = (rules, claim.wave) {
        let failures = rollouts::failures(conn, claim.operation, wave).await?;
        if rules.reached(total, failures.all, failures.same_code) {
            let by = By::process(&claim.worker);
            stop_at(conn, by, claim.operation, wave, PauseReason::Halt).await?;
        }
    }
    Ok(recorded)
}
