//! Activates, rolls back and ends operations soon after an item of theirs has ended, without a statement
//! for every item.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{ItemState, Mode, OperationId, OperationState, TenantId};
use engine::{control, crash_point};
use metrics::counter;
use queue::Bell;
use store::{Connections, audit::By};
use telemetry::names;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{in_progress::InProgress, outcome::About};

/// How long outcomes are gathered after a look that found an operation still open, in milliseconds, unless
/// this process runs out of work before: the most an operation's end is late by.
const GATHER_MS: u64 = 200;

/// Longest time for one operation: a connection that went dead without a word would hold up all others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Collects the operations in which an item ended or was built, and has them seen to.
#[derive(Debug, Clone)]
pub(crate) struct Settler {
    pool: Connections,
    /// Who the audit log says it was.
    actor: String,
    in_progress: InProgress,
    marked: Arc<Mutex<Marked>>,
    wake: Arc<Notify>,
}

/// What ended since the last look.
#[derive(Debug, Default)]
struct Marked {
    operations: HashMap<OperationId, Mode>,
    /// Tenants that other items may wait for.
    tenants: Vec<TenantId>,
}

impl Settler {
    pub(crate) fn new(pool: Connections, actor: String, in_progress: InProgress) -> Self {
        Self { pool, actor, in_progress, marked: Arc::default(), wake: Arc::default() }
    }

    /// An item has ended or was built, and the transaction that says so is committed.
    pub(crate) fn mark(&self, about: &About) {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        marked.operations.insert(about.operation, about.mode);
        // No other item can be about a tenant that is being made.
        if !about.kind.makes_tenants() {
            marked.tenants.push(about.tenant);
        }
        drop(marked);
        self.wake.notify_one();
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
                    // What was marked may be the end of an operation.
                    () = self.in_progress.emptied() => {}
                }
            }
        }
        self.see_to_marked().await;
    }

    /// Whether all that were marked have ended.
    async fn see_to_marked(&self) -> bool {
        let marked =
            std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner));
        let Marked { operations, tenants } = marked;
        if !tenants.is_empty()
            && let Err(error) = control::release(&self.pool, &tenants).await
        {
            let cause = telemetry::chain(&error);
            warn!(cause, "could not wake what waits for {} tenants yet", tenants.len());
        }
        let all = operations.len();
        self.see_to(operations.into_iter().map(|(operation, mode)| (operation, Some(mode)))).await
            == all
    }

    /// Does what is due for `operations`, whose modes may be known, and says how many ended now. A
    /// failure is left to the next sweep.
    pub(crate) async fn see_to(
        &self,
        operations: impl Iterator<Item = (OperationId, Option<Mode>)>,
    ) -> usize {
        let mut ended = 0;
        for (operation, mode) in operations {
            crash_point("before", "settle");
            match tokio::time::timeout(PATIENCE, self.advance_and_settle(operation, mode)).await {
                Ok(Ok(state)) => ended += usize::from(state.is_some()),
                Ok(Err(error)) => {
                    let cause = telemetry::chain(&error);
                    warn!(operation.id = %operation, %cause, "could not see to operation {operation} yet");
                }
                Err(_) => {
                    warn!(operation.id = %operation, "seeing to operation {operation} took too long")
                }
            }
            crash_point("after", "settle");
        }
        if ended > 0 {
            queue::ring(&self.pool, Bell::Ends).await;
        }
        ended
    }

    async fn advance_and_settle(
        &self,
        operation: OperationId,
        mode: Option<Mode>,
    ) -> sqlx::Result<Option<OperationState>> {
        if mode != Some(Mode::Independent) {
            let activated =
                control::advance(&self.pool, By::process(&self.actor), operation).await?;
            let outcome = ItemState::Succeeded.as_str();
            counter!(names::ITEMS_TOTAL, "outcome" => outcome).increment(activated);
        }
        let ended = control::settle(&self.pool, operation).await?;
        if let Some(state) = ended {
            counter!(names::SETTLED_TOTAL, "state" => state.as_str()).increment(1);
        }
        Ok(ended)
    }
}
