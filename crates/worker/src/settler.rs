//! Sees to operations soon after an item of theirs has ended, without a statement for every item.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{Mode, OperationId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::whole_batch::WholeBatch;

/// How long outcomes are gathered after a look that found an operation still open, in milliseconds, unless
/// this process runs out of work before: the most an operation's end is late by.
const GATHER_MS: u64 = 200;

/// Collects the operations in which an item ended or was built, and has them seen to.
#[derive(Debug, Clone)]
pub(crate) struct Settler {
    marked: Arc<Mutex<HashMap<OperationId, Mode>>>,
    wake: Arc<Notify>,
    out_of_work: Arc<Notify>,
    whole: WholeBatch,
}

impl Settler {
    pub(crate) fn new(whole: WholeBatch) -> Self {
        Self { marked: Arc::default(), wake: Arc::default(), out_of_work: Arc::default(), whole }
    }

    pub(crate) fn whole(&self) -> &WholeBatch {
        &self.whole
    }

    /// An item of `operation` has ended or was built, and the transaction that says so is committed.
    pub(crate) fn mark(&self, operation: OperationId, mode: Mode) {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner).insert(operation, mode);
        self.wake.notify_one();
    }

    /// This process has nothing in work: what was marked may be the end of an operation.
    pub(crate) fn hurry(&self) {
        self.out_of_work.notify_one();
    }

    /// Sees to operations until `stop`, then once more to what is marked by then.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = stop.cancelled() => break,
            }
            if !self.see_to_marked().await {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(GATHER_MS)) => {}
                    () = self.out_of_work.notified() => {}
                }
            }
        }
        self.see_to_marked().await;
    }

    /// Whether all that were marked have ended.
    async fn see_to_marked(&self) -> bool {
        let operations =
            std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner));
        let (marked, mut ended) = (operations.len(), 0);
        for (operation, mode) in operations {
            ended += usize::from(self.whole.see_to(operation, Some(mode)).await);
        }
        if ended > 0 {
            self.whole.tell_of_ends().await;
        }
        ended == marked
    }
}
