//! Works on one operation without the queue: a command that has the set of migrations does so, beside
//! the workers that have it.

use std::time::{Duration, Instant};

use domain::{OperationId, TenantId};
use engine::control;
use futures::{StreamExt as _, stream};
use store::{Connections, audit::By, items, workers};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Executor;

/// Items claimed at once for each one in work.
const AHEAD: usize = 8;

/// Between two looks while others have all that is left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long the database may fail before the command gives up: a restart takes less.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two signs of life; a worker that is silent for 12 s counts as dead.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// Takes the items of `operation` that are free, `concurrency` at a time, until the operation is over or
/// `stop`; what has begun by then is finished. The process is registered as worker
/// [`Executor::worker`], and signs off at the end.
///
/// # Errors
/// When the database fails for a minute, or the process was taken for dead. What it had begun goes to others.
pub async fn carry_out(
    executor: &Executor,
    operation: OperationId,
    concurrency: usize,
    stop: &CancellationToken,
) -> sqlx::Result<()> {
    let pool = executor.pool();
    let done = tokio::select! {
        done = take_all(executor, operation, concurrency.max(1), stop) => done,
        failed = beat(pool, executor.worker()) => Err(failed),
    };
    workers::retire(&mut *pool.acquire().await?, executor.worker()).await?;
    done
}

/// Goes on for as long as the database answers now and then, and takes back what a lost connection left.
async fn take_all(
    executor: &Executor,
    operation: OperationId,
    concurrency: usize,
    stop: &CancellationToken,
) -> sqlx::Result<()> {
    let mut answered = Instant::now();
    while !stop.is_cancelled() {
        match round(executor, operation, concurrency).await {
            Ok(Round::Over) => return Ok(()),
            Ok(Round::Worked) => answered = Instant::now(),
            Ok(Round::Idle) => {
                answered = Instant::now();
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(error) if answered.elapsed() > PATIENCE => return Err(error),
            Err(error) => {
                warn!(cause = telemetry::chain(&error), "the database failed; trying again");
                tokio::time::sleep(BEAT_EVERY).await;
            }
        }
    }
    Ok(())
}

/// What came of a round.
enum Round {
    Worked,
    /// Others have all that is left, or it waits.
    Idle,
    Over,
}

async fn round(
    executor: &Executor,
    operation: OperationId,
    concurrency: usize,
) -> sqlx::Result<Round> {
    if work_on(executor, operation, concurrency).await? {
        return Ok(Round::Worked);
    }
    let pool = executor.pool();
    control::roll_on(pool, By::process(executor.worker()), operation).await?;
    control::settle(pool, operation).await?;
    let mut conn = pool.acquire().await?;
    if store::operations::is_finished(&mut conn, operation).await? != Some(false) {
        return Ok(Round::Over);
    }
    drop(conn);
    // Nothing of ours is in progress now.
    control::free_the_dead(pool, executor.rules.dead_after).await?;
    control::give_back_forgotten(pool, executor.worker(), |_| false).await?;
    // Its items may wait for those of an earlier operation that nobody works on.
    let plans = executor.plans();
    let all = items::operations_of_set(&mut *pool.acquire().await?, &plans.set_hash).await?;
    for other in all.into_iter().filter(|other| *other != operation) {
        if work_on(executor, other, concurrency).await? {
            control::roll_on(pool, By::process(executor.worker()), other).await?;
            control::settle(pool, other).await?;
            return Ok(Round::Worked);
        }
    }
    Ok(Round::Idle)
}

/// Works on the items of `operation` that are free; false if there are none.
async fn work_on(
    executor: &Executor,
    operation: OperationId,
    concurrency: usize,
) -> sqlx::Result<bool> {
    let pool = executor.pool();
    let most = i64::try_from(concurrency * AHEAD).unwrap_or(i64::MAX);
    let due = items::due(&mut *pool.acquire().await?, operation, most).await?;
    let claims = if due.is_empty() { Vec::new() } else { executor.claim(&due).await? };
    let tenants: Vec<TenantId> = claims.iter().map(|claim| claim.tenant.id).collect();
    stream::iter(claims)
        .for_each_concurrent(concurrency, async |claim| {
            let item = claim.item;
            if let Err(error) = executor.work(claim).await {
                let cause = telemetry::chain(&error);
                warn!(item.id = %item, cause, "gave item {item} up for now");
            }
        })
        .await;
    if !tenants.is_empty() {
        control::release(pool, &tenants).await?;
    }
    Ok(!tenants.is_empty())
}

/// Says that the process lives, for as long as it is believed.
async fn beat(pool: &Connections, worker: &str) -> sqlx::Error {
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        let beat = async { workers::beat(&mut *pool.acquire().await?, worker).await };
        match beat.await {
            Ok(true) => {}
            Ok(false) => return sqlx::Error::WorkerCrashed,
            Err(error) => warn!(cause = telemetry::chain(&error), "heartbeat failed"),
        }
    }
}
