//! Brings items back to work whose try failed, whose worker died, or whose job was lost.

use std::time::Duration;

use domain::ItemId;
use queue::Bell;
use store::{
    Connections,
    items::{self, Claim, Owned},
    workers,
};
use tracing::{info, warn};

use crate::Failure;

/// Items looked at in one go.
const PAGE: i64 = 1_000;

/// Puts a claimed item back, to be tried again after `delay` because of `failure`; the try counts if
/// it is `spent`. False when the claim is no longer ours.
pub async fn put_back(
    pool: &Connections,
    claim: &Claim,
    failure: &Failure,
    spent: bool,
    delay: Duration,
) -> sqlx::Result<bool> {
    let reason = failure.to_item_error();
    let mut tx = pool.begin().await?;
    if !items::retry_later(&mut tx, claim, &reason, spent, delay).await? {
        return Ok(false);
    }
    items::note_attempt(&mut tx, claim, &failure.stage, &reason).await?;
    queue::wake(&mut tx, &[(claim.item, claim.kind)], delay).await?;
    tx.commit().await?;
    Ok(true)
}

/// Items that wait for their tenants and are looked at when a worker has died, at most.
const LOOKED_AT: i64 = 1_000;

/// Declares silent workers dead and frees their jobs: both or neither. A worker that fetches such a
/// job may claim its item, since the claim asks whether the owner lives. Wakes what waits for items that one of
/// them had ended: it may have died before it could.
pub async fn free_the_dead(pool: &Connections, dead_after: Duration) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let dead = workers::bury(&mut tx, dead_after).await?;
    for worker in &dead {
        let jobs = queue::release_jobs_of(&mut tx, worker).await?;
        warn!(worker.id = %worker, jobs, "worker {worker} is silent; freed its {jobs} jobs");
    }
    if !dead.is_empty() {
        let put_off = items::put_off(&mut tx, LOOKED_AT).await?;
        let free = items::free_by_now(&mut tx, &put_off).await?;
        queue::wake(&mut tx, &free, Duration::ZERO).await?;
    }
    tx.commit().await
}

/// Gives back the items that no process works on: those that `worker` owns and does not have in
/// progress (the database was away when an outcome should have been recorded, or a handler was given
/// up), and those of workers that have stopped, since their jobs may be used up.
pub async fn give_back_forgotten(
    pool: &Connections,
    worker: &str,
    in_progress: impl Fn(ItemId) -> bool,
) -> sqlx::Result<()> {
    let mut owned = items::owned_by(&mut *pool.acquire().await?, worker).await?;
    // Looked at after the query: an item enters before its claim is written. So an item that the
    // query saw and that is not in progress now has either ended since (the update below finds
    // nothing) or been forgotten.
    owned.retain(|Owned { item, .. }| !in_progress(*item));
    if owned.is_empty() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    let given_back = items::give_back(&mut tx, &owned).await?;
    queue::wake(&mut tx, &given_back, Duration::ZERO).await?;
    tx.commit().await?;
    for (item, _) in &given_back {
        info!(item.id = %item, "gave item {item} back to be tried again");
    }
    if !given_back.is_empty() {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(())
}

/// Wakes workers for the items that have waited for `age` or longer and that no job will bring to
/// one. Returns how many.
pub async fn revive_stranded(pool: &Connections, age: Duration) -> sqlx::Result<usize> {
    let (mut after, mut revived) = (ItemId::new(0), 0);
    loop {
        let mut conn = pool.acquire().await?;
        let page = items::waiting_since(&mut conn, after, age, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = *last;
        let stranded = queue::without_live_job(&mut conn, &page).await?;
        drop(conn);
        if !stranded.is_empty() {
            revived += revive(pool, &stranded).await?;
        }
    }
    if revived > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(revived)
}

async fn revive(pool: &Connections, stranded: &[ItemId]) -> sqlx::Result<usize> {
    let mut tx = pool.begin().await?;
    let mut revived = items::hold_waiting(&mut tx, stranded).await?;
    let waiting: Vec<ItemId> = revived.iter().map(|(item, _)| *item).collect();
    // Asked again under the locks: another process may just have done the same.
    let without = queue::without_live_job(&mut tx, &waiting).await?;
    revived.retain(|(item, _)| without.contains(item));
    queue::wake(&mut tx, &revived, Duration::ZERO).await?;
    tx.commit().await?;
    for (item, _) in &revived {
        info!(item.id = %item, "item {item} had lost its job; gave it a new one");
    }
    Ok(revived.len())
}
