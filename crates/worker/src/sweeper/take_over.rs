//! Items of workers that died, and of this one when it lost track.

use std::time::Duration;

use queue::{Bell, JobId};
use store::Connections;
use tracing::{info, warn};

use super::{InProgress, SweepError};

/// Declares silent workers dead and frees their jobs: both or neither. Whoever fetches such a job
/// may claim its item, since the claim asks whether the owner lives.
pub(super) async fn free_the_dead(
    pool: &Connections,
    dead_after: Duration,
) -> Result<(), SweepError> {
    let mut tx = pool.begin().await?;
    let dead = store::workers::bury(&mut tx, dead_after).await?;
    for worker in &dead {
        let jobs = queue::release_jobs_of(&mut tx, worker).await?;
        warn!(worker.id = %worker, jobs, "worker {worker} is silent; freed its {jobs} jobs");
    }
    tx.commit().await?;
    Ok(())
}

/// Gives back what nobody works on: what this process owns and does not have in progress (the
/// database was away when an outcome should have been recorded, or a handler was given up), and
/// what workers own that have stopped, whose jobs may be used up.
pub(super) async fn give_back_forgotten(
    pool: &Connections,
    worker: &str,
    in_progress: &InProgress,
) -> Result<(), SweepError> {
    let mut conn = pool.acquire().await?;
    let owned = store::items::owned_by(&mut conn, worker).await?;
    drop(conn);
    // Looked at after the query: an item enters before its claim is written, so what the query
    // saw and is not in progress now has either ended since (the update below finds nothing) or
    // been forgotten.
    let mut given_back = false;
    for forgotten in owned.into_iter().filter(|owned| !in_progress.has(owned.item)) {
        let job = JobId::mint();
        let mut tx = pool.begin().await?;
        if store::items::give_back(&mut tx, forgotten, &job.to_string()).await? {
            queue::enqueue(&mut tx, &[(forgotten.item, job)], Duration::ZERO).await?;
            tx.commit().await?;
            given_back = true;
            info!(item.id = %forgotten.item, "gave item {} back to be tried again", forgotten.item);
        }
    }
    if given_back {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(())
}
