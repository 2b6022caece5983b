//! Wakes workers for items that wait: their jobs may have met a pause and be used up, or are not
//! made before the time of their operation has come.

use std::time::Duration;

use domain::{ItemId, Kind, OperationId, OperationState, TenantId};
use queue::{Bell, Line};
use serde_json::json;
use sqlx::{PgConnection, Postgres, Transaction};
use store::{
    Connections,
    audit::{self, By},
    births::Begin,
    items::{self, Waiters},
    operations,
};
use tracing::info;

use super::{ControlError, births, rollout::move_on};

/// Items that are read and woken in one go: the same few statements for all of them.
const PAGE: i64 = 10_000;

/// How long a job for another worker's set waits before it comes again, at least; at most three
/// times as long. Workers look in step: after a fixed time the same one would be first each time.
const PASSED_ON_AFTER: Duration = Duration::from_secs(1);

/// Wakes a worker for every item of `of` that waits; says how many. One that still had a job has
/// two then, and the later one finds nothing to do.
pub(super) async fn wake(conn: &mut PgConnection, of: Waiters) -> sqlx::Result<u64> {
    let ahead = match of {
        Waiters::Operation(operation) => operations::ahead(conn, operation).await?,
        Waiters::Queue => 0,
    };
    let mut line = Line::new(Duration::ZERO, ahead);
    let (mut after, mut woken) = (ItemId::new(0), 0);
    loop {
        let page = items::waiting(conn, of, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(woken) };
        after = *last;
        line.add(conn, &page).await?;
        woken += page.len() as u64;
    }
}

/// Starts every scheduled operation whose time has come, each in a transaction of its own; says how
/// many. Several processes may do it at once: each operation is started by one of them.
pub async fn start_due(pool: &Connections, by: By<'_>) -> sqlx::Result<u64> {
    let due = operations::due(&mut *pool.acquire().await?).await?;
    let mut started = 0;
    for operation in due {
        started += u64::from(start(pool, by, operation).await?);
    }
    if started > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(started)
}

async fn start(pool: &Connections, by: By<'_>, operation: OperationId) -> sqlx::Result<bool> {
    let mut tx = pool.begin().await?;
    if !operations::release_due(&mut tx, operation).await? {
        return Ok(false);
    }
    births::begin(&mut tx, by, operation, Begin::Start).await?;
    let mut jobs = wake(&mut tx, Waiters::Operation(operation)).await?;
    jobs += move_on(&mut tx, by, operation).await? as u64;
    let (detail, entry) = (json!({ "jobs": jobs }), by.did("operation.started"));
    audit::append(&mut tx, audit::Entry { operation: Some(operation), detail, ..entry }).await?;
    tx.commit().await?;
    info!(operation.id = %operation, jobs, "the time of operation {operation} has come; started it");
    Ok(true)
}

/// Wakes a worker for the first item that waits for each of `tenants`, which no item may hold any more;
/// says how many. Call it after the commit that ended the items that held them: a wake-up that is lost
/// costs the time to the next sweep.
pub async fn release(pool: &Connections, tenants: &[TenantId]) -> sqlx::Result<usize> {
    let mut tx = pool.begin().await?;
    let next = items::next_for(&mut tx, tenants).await?;
    wake_next(pool, tx, &next).await
}

/// The same for the tenants of an operation that was cancelled.
pub(super) async fn release_behind(
    pool: &Connections,
    operation: OperationId,
) -> sqlx::Result<usize> {
    let mut tx = pool.begin().await?;
    let next = items::next_behind(&mut tx, operation).await?;
    wake_next(pool, tx, &next).await
}

async fn wake_next(
    pool: &Connections,
    mut tx: Transaction<'_, Postgres>,
    next: &[(ItemId, Kind)],
) -> sqlx::Result<usize> {
    if next.is_empty() {
        return Ok(0);
    }
    queue::wake(&mut tx, next, Duration::ZERO).await?;
    tx.commit().await?;
    queue::ring(pool, Bell::Jobs).await;
    Ok(next.len())
}

/// Wakes a worker again for those of `items`, which a claim has just left, whose job is used up in vain: those
/// that wait for another set of migrations than `by` has, if a worker with theirs is alive; and those whose
/// tenant is free by now.
pub async fn pass_on(
    pool: &Connections,
    items: &[ItemId],
    by: &items::Claimant<'_>,
) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let others = items::of_other_sets(&mut tx, items, by.set, by.dead_after).await?;
    let free = items::free_by_now(&mut tx, items).await?;
    if others.is_empty() && free.is_empty() {
        return Ok(());
    }
    let after = PASSED_ON_AFTER.mul_f64(1.0 + 2.0 * rand::random::<f64>());
    queue::wake(&mut tx, &others, after).await?;
    queue::wake(&mut tx, &free, Duration::ZERO).await?;
    tx.commit().await?;
    if !free.is_empty() {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(())
}

/// Wakes workers for the items that wait for this set of migrations: a worker has come that has it.
pub async fn wake_set(pool: &Connections, set: &str) -> sqlx::Result<u64> {
    let mut tx = pool.begin().await?;
    let mut woken = 0;
    for operation in items::operations_of_set(&mut tx, set).await? {
        woken += wake(&mut tx, Waiters::Operation(operation)).await?;
    }
    tx.commit().await?;
    if woken > 0 {
        queue::ring(pool, Bell::Jobs).await;
    }
    Ok(woken)
}

/// The state of `operation`, which nobody else changes before this transaction ends.
pub(super) async fn locked(
    conn: &mut PgConnection,
    operation: OperationId,
) -> Result<OperationState, ControlError> {
    operations::lock(conn, operation).await?.ok_or(ControlError::NotFound(operation))
}
