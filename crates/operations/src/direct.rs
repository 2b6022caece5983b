//! Works on one operation without the queue: a command that has the set of migrations does so, beside
//! the workers that have it.

use std::time::Duration;

use domain::OperationId;
use engine::control;
use futures::{StreamExt as _, stream};
use store::{Connections, items, workers};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Executor;

/// Items claimed at once for each one in work.
const AHEAD: usize = 8;

/// Between two looks while others have all that is left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Between two signs of life; a worker that is silent for 12 s counts as dead.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// Takes the items of `operation` that are free, `concurrency` at a time, until the operation is over or
/// `stop`; what has begun by then is finished. The process is registered as worker
/// [`Executor::worker`], and signs off at the end.
///
/// # Errors
/// When the database fails, or the process was taken for dead. What it had begun goes to others.
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

async fn take_all(
    executor: &Executor,
    operation: OperationId,
    concurrency: usize,
    stop: &CancellationToken,
) -> sqlx::Result<()> {
    let pool = executor.pool();
    let most = i64::try_from(concurrency * AHEAD).unwrap_or(i64::MAX);
    while !stop.is_cancelled() {
        let mut conn = pool.acquire().await?;
        let due = items::due(&mut conn, operation, most).await?;
        drop(conn);
        let claims = if due.is_empty() { Vec::new() } else { executor.claim(&due).await? };
        if claims.is_empty() {
            control::settle(pool, operation).await?;
            if store::operations::is_finished(&mut *pool.acquire().await?, operation).await?
                != Some(false)
            {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        stream::iter(claims)
            .for_each_concurrent(concurrency, async |claim| {
                let item = claim.item;
                if let Err(error) = executor.work(claim).await {
                    let cause = telemetry::chain(&error);
                    warn!(item.id = %item, cause, "gave item {item} up for now");
                }
            })
            .await;
    }
    Ok(())
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
