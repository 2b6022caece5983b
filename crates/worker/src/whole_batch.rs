//! Activates or rolls back atomic operations, and ends operations whose items have all ended.
//!
//! Called after an item of the operation has ended or was built, and by the sweep when whoever should
//! have called it died. Every act locks the operation's row or is guarded by it, so that any number of
//! workers may try at once.

use std::time::Duration;

use domain::{Code, ItemError, ItemState, Mode, OperationId, OperationState, codes};
use engine::crash_point;
use metrics::counter;
use queue::{Bell, JobId};
use serde_json::json;
use sqlx::PgConnection;
use store::{Connections, audit, items, operations};
use telemetry::names;
use tracing::{info, warn};

/// Longest time for one operation: a connection that went dead without a word would hold up all others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Built items turned back by one statement.
const PAGE: usize = 5_000;

/// Sees to whole operations for one worker process.
#[derive(Debug, Clone)]
pub(crate) struct WholeBatch {
    pub(crate) pool: Connections,
    /// Who the audit log says it was.
    pub(crate) actor: String,
}

/// An operation could not be seen to.
#[derive(Debug, thiserror::Error)]
enum WholeError {
    #[error("it took too long and was given up")]
    TookTooLong,
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    #[error("built items could not be queued to be undone")]
    Enqueue(#[from] queue::EnqueueError),
}

impl WholeBatch {
    /// Tells the callers that wait that operations have ended.
    pub(crate) async fn tell_of_ends(&self) {
        queue::ring(&self.pool, Bell::Ends).await;
    }

    /// Does what is due for `operation`, whose mode may be known, and says whether that ended it:
    /// [`Self::tell_of_ends`] then. A failure is left to the next sweep.
    pub(crate) async fn see_to(&self, operation: OperationId, mode: Option<Mode>) -> bool {
        crash_point("before", "settle");
        let due = self.advance_and_settle(operation, mode);
        let done = tokio::time::timeout(PATIENCE, due).await;
        let ended = done.unwrap_or(Err(WholeError::TookTooLong));
        match &ended {
            Ok(Some(state)) => {
                counter!(names::SETTLED_TOTAL, "state" => state.as_str()).increment(1);
                info!(operation.id = %operation, operation.state = %state, "operation {operation} ended as {state}");
            }
            Ok(None) => {}
            Err(error) => {
                let cause = telemetry::chain(error);
                warn!(operation.id = %operation, %cause, "could not see to operation {operation} yet");
            }
        }
        crash_point("after", "settle");
        matches!(ended, Ok(Some(_)))
    }

    async fn advance_and_settle(
        &self,
        operation: OperationId,
        mode: Option<Mode>,
    ) -> Result<Option<OperationState>, WholeError> {
        if mode != Some(Mode::Independent) {
            self.advance(operation).await?;
        }
        let mut conn = self.pool.acquire().await?;
        Ok(operations::settle(&mut conn, operation).await?)
    }

    /// Takes an all-or-nothing operation on: activates it when all is built, turns back what is built
    /// when it cannot be completed. Does nothing to any other operation.
    async fn advance(&self, operation: OperationId) -> Result<(), WholeError> {
        let mut tx = self.pool.begin().await?;
        let Some(atomic) = operations::lock_atomic(&mut tx, operation).await? else {
            return Ok(());
        };
        let code = match atomic.state {
            OperationState::Queued | OperationState::Running => {
                if items::all_built(&mut tx, operation).await? {
                    let activated = self.activate(&mut tx, operation).await?;
                    crash_point("before_commit", "activate_batch");
                    tx.commit().await?;
                    let outcome = ItemState::Succeeded.as_str();
                    counter!(names::ITEMS_TOTAL, "outcome" => outcome).increment(activated);
                    crash_point("after_commit", "activate_batch");
                    return Ok(());
                }
                let Some(culprit) = items::first_failed(&mut tx, operation).await? else {
                    return Ok(());
                };
                self.begin_rollback(&mut tx, operation, culprit).await?;
                codes::BATCH_ROLLED_BACK
            }
            _ => atomic.code.unwrap_or(codes::CANCELLED),
        };
        let turned = turn_built_back(&mut tx, operation, code).await?;
        crash_point("before_commit", "turn_back");
        tx.commit().await?;
        crash_point("after_commit", "turn_back");
        if turned > 0 {
            queue::ring(&self.pool, Bell::Jobs).await;
        }
        Ok(())
    }

    async fn activate(
        &self,
        tx: &mut PgConnection,
        operation: OperationId,
    ) -> Result<u64, WholeError> {
        let tenants = items::activate_built(tx, operation).await?;
        let entry = self.entry("tenant.activated", operation);
        audit::append_for_tenants(tx, entry, &tenants).await?;
        info!(operation.id = %operation, tenants = tenants.len(),
            "all of operation {operation} is built; activated its {} tenants", tenants.len());
        Ok(tenants.len() as u64)
    }

    async fn begin_rollback(
        &self,
        tx: &mut PgConnection,
        operation: OperationId,
        culprit: i32,
    ) -> Result<(), WholeError> {
        if operations::begin_rollback(tx, operation, culprit).await? {
            let detail = json!({ "culprit": culprit });
            let entry = audit::Entry { detail, ..self.entry("operation.rolling_back", operation) };
            audit::append(tx, entry).await?;
            warn!(operation.id = %operation, culprit, "item {culprit} failed; rolling operation {operation} back");
        }
        Ok(())
    }

    fn entry(&self, action: &'static str, operation: OperationId) -> audit::Entry<'_> {
        audit::Entry {
            actor: &self.actor,
            action,
            operation: Some(operation),
            ..Default::default()
        }
    }
}

/// Gives every built item of `operation` a job that undoes it; says how many.
async fn turn_built_back(
    tx: &mut PgConnection,
    operation: OperationId,
    code: Code,
) -> Result<usize, WholeError> {
    let reason = ItemError {
        code,
        message: "the operation is all or nothing, and could not be completed".to_owned(),
        step: None,
        retryable: true,
    };
    let mut all = 0;
    loop {
        let jobs: Vec<String> = (0..PAGE).map(|_| JobId::mint().to_string()).collect();
        let turned = items::turn_built_back(tx, operation, &reason, &jobs).await?;
        let jobs = queue::jobs_of(turned)?;
        queue::enqueue(tx, &jobs, Duration::ZERO).await?;
        all += jobs.len();
        if jobs.len() < PAGE {
            return Ok(all);
        }
    }
}
