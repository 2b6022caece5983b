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
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{in_progress::InProgress, outcome::About};

/// How long outcomes of an operation are gathered after a look that found it still open, unless this process
/// runs out of work before: the most an operation's end is late by. Others are looked at meanwhile.
const GATHER: Duration = Duration::from_millis(200);

/// Longest time for one operation: a connection that went dead without a word would hold up all others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Collects the operations in which an item ended or was built, and has them seen to.
#[derive(Debug, Clone)]
pub(crate) struct Settler {
    pool: Connections,
    /// Who the audit log says it was.
    actor: String,
    in_progress: InProgress,
    marked: Arc<Mutex<HashMap<OperationId, Marked>>>,
    wake: Arc<Notify>,
}

/// What ended in an operation since the last look at it.
#[derive(Debug)]
struct Marked {
    mode: Mode,
    rollout: bool,
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
        let new = Marked { mode: about.mode, rollout: about.rollout, tenants: Vec::new() };
        let operation = marked.entry(about.operation).or_insert(new);
        // No other item can be about a tenant that is being made.
        if !about.kind.makes_tenants() {
            operation.tenants.push(about.tenant);
        }
        drop(marked);
        self.wake.notify_one();
    }

    /// Sees to operations until `stop`, then once more to what is marked by then.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        // Operations that were open when they were looked at, and until when they rest.
        let mut resting: HashMap<OperationId, Instant> = HashMap::new();
        loop {
            let rested = resting.values().min().copied();
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(rested.unwrap_or_else(Instant::now)), if rested.is_some() => {}
                // What was marked may be the end of an operation.
                () = self.in_progress.emptied(), if rested.is_some() => resting.clear(),
                () = stop.cancelled() => break,
            }
            resting.retain(|_, until| *until > Instant::now());
            let open = self.see_to_marked(|operation| !resting.contains_key(operation)).await;
            resting.extend(open.into_iter().map(|operation| (operation, Instant::now() + GATHER)));
        }
        self.see_to_marked(|_| true).await;
    }

    /// Sees to those marked that are `due`; gives back those that are open yet.
    async fn see_to_marked(&self, due: impl Fn(&OperationId) -> bool) -> Vec<OperationId> {
        let marked: Vec<_> = {
            let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
            marked.extract_if(|operation, _| due(operation)).collect()
        };
        let tenants: Vec<TenantId> =
            marked.iter().flat_map(|(_, marked)| &marked.tenants).copied().collect();
        if !tenants.is_empty()
            && let Err(error) = control::release(&self.pool, &tenants).await
        {
            let cause = telemetry::chain(&error);
            warn!(cause, "could not wake what waits for {} tenants yet", tenants.len());
        }
        let known = |marked: &Marked| Some((marked.mode, marked.rollout));
        self.see_to(marked.iter().map(|(operation, marked)| (*operation, known(marked)))).await
    }

    /// Does what is due for `operations`, and gives back those that did not end now. Of each may be known its mode,
    /// and whether it goes in waves. A failure is left to the next sweep.
    pub(crate) async fn see_to(
        &self,
        operations: impl Iterator<Item = (OperationId, Option<(Mode, bool)>)>,
    ) -> Vec<OperationId> {
        let (mut ended, mut open) = (false, Vec::new());
        for (operation, known) in operations {
            crash_point("before", "settle");
            match tokio::time::timeout(PATIENCE, self.advance_and_settle(operation, known)).await {
                Ok(Ok(Some(_))) => ended = true,
                Ok(Ok(None)) => open.push(operation),
                Ok(Err(error)) => {
                    open.push(operation);
                    let cause = telemetry::chain(&error);
                    warn!(operation.id = %operation, %cause, "could not see to operation {operation} yet");
                }
                Err(_) => {
                    open.push(operation);
                    warn!(operation.id = %operation, "seeing to operation {operation} took too long")
                }
            }
            crash_point("after", "settle");
        }
        if ended {
            queue::ring(&self.pool, Bell::Ends).await;
        }
        open
    }

    async fn advance_and_settle(
        &self,
        operation: OperationId,
        known: Option<(Mode, bool)>,
    ) -> sqlx::Result<Option<OperationState>> {
        let by = By::process(&self.actor);
        if known.is_none_or(|(_, rollout)| rollout) {
            control::roll_on(&self.pool, by, operation).await?;
        }
        if known.is_none_or(|(mode, _)| mode != Mode::Independent) {
            let activated = control::advance(&self.pool, by, operation).await?;
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
