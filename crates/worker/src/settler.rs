//! Ends batches soon after their last item, without a statement for every item.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::BatchId;
use metrics::counter;
use saga::crash_point;
use sqlx::PgPool;
use telemetry::names;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long outcomes are gathered before their batches are looked at, in milliseconds: the most
/// a batch's end is late by.
const GATHER_MS: u64 = 20;

/// Collects the batches in which an item ended, and ends those that are over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settler {
    marked: Arc<Mutex<HashSet<BatchId>>>,
    wake: Arc<Notify>,
}

impl Settler {
    /// An item of `batch` has ended, and the transaction that says so is committed.
    pub(crate) fn mark(&self, batch: BatchId) {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner).insert(batch);
        self.wake.notify_one();
    }

    /// Ends batches until `stop`, then once more for what is marked by then.
    pub(crate) async fn run(&self, pool: PgPool, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = stop.cancelled() => break,
            }
            self.settle_marked(&pool).await;
            tokio::time::sleep(Duration::from_millis(GATHER_MS)).await;
        }
        self.settle_marked(&pool).await;
    }

    async fn settle_marked(&self, pool: &PgPool) {
        let batches =
            std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner));
        for batch in batches {
            settle(pool, batch).await;
        }
    }
}

/// Ends `batch` if it is over. A failure is left to the next sweep.
pub(crate) async fn settle(pool: &PgPool, batch: BatchId) {
    crash_point("before", "settle");
    let settled = async { store::batches::settle(&mut *pool.acquire().await?, batch).await }.await;
    crash_point("after", "settle");
    match settled {
        Ok(Some(state)) => {
            counter!(names::SETTLED_TOTAL, "state" => state.as_str()).increment(1);
            info!(batch.id = %batch, batch.state = %state, "batch {batch} ended as {state}");
        }
        Ok(None) => {}
        Err(error) => warn!(batch.id = %batch, %error, "could not end batch {batch} yet"),
    }
}
