//! Activates or rolls back atomic batches, and ends batches whose items have all ended.
//!
//! Called after an item of the batch has ended or was built, and by the sweep when whoever should
//! have called it died. Every act locks the batch's row or is guarded by it, so that any number of
//! workers may try at once.

use std::time::Duration;

use domain::{BatchId, BatchState, Code, ItemError, ItemState, Mode, codes};
use metrics::counter;
use queue::{Bell, JobId};
use saga::crash_point;
use serde_json::json;
use sqlx::PgConnection;
use store::{Connections, audit, batches, items};
use telemetry::names;
use tracing::{info, warn};

/// Longest time for one batch: a connection that went dead without a word would hold up all others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Built items turned back by one statement.
const PAGE: usize = 5_000;

/// Sees to whole batches for one worker process.
#[derive(Debug, Clone)]
pub(crate) struct WholeBatch {
    pub(crate) pool: Connections,
    /// Who the audit log says it was.
    pub(crate) actor: String,
}

/// A batch could not be seen to.
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
    /// Tells the callers that wait that batches have ended.
    pub(crate) async fn tell_of_ends(&self) {
        queue::ring(&self.pool, Bell::Ends).await;
    }

    /// Does what is due for `batch`, whose mode may be known, and says whether that ended it:
    /// [`Self::tell_of_ends`] then. A failure is left to the next sweep.
    pub(crate) async fn see_to(&self, batch: BatchId, mode: Option<Mode>) -> bool {
        crash_point("before", "settle");
        let due = self.advance_and_settle(batch, mode);
        let done = tokio::time::timeout(PATIENCE, due).await;
        let ended = done.unwrap_or(Err(WholeError::TookTooLong));
        match &ended {
            Ok(Some(state)) => {
                counter!(names::SETTLED_TOTAL, "state" => state.as_str()).increment(1);
                info!(batch.id = %batch, batch.state = %state, "batch {batch} ended as {state}");
            }
            Ok(None) => {}
            Err(error) => {
                let cause = telemetry::chain(error);
                warn!(batch.id = %batch, %cause, "could not see to batch {batch} yet");
            }
        }
        crash_point("after", "settle");
        matches!(ended, Ok(Some(_)))
    }

    async fn advance_and_settle(
        &self,
        batch: BatchId,
        mode: Option<Mode>,
    ) -> Result<Option<BatchState>, WholeError> {
        if mode != Some(Mode::Independent) {
            self.advance(batch).await?;
        }
        let mut conn = self.pool.acquire().await?;
        Ok(batches::settle(&mut conn, batch).await?)
    }

    /// Takes an all-or-nothing batch on: activates it when all is built, turns back what is built
    /// when it cannot be completed. Does nothing to any other batch.
    async fn advance(&self, batch: BatchId) -> Result<(), WholeError> {
        let mut tx = self.pool.begin().await?;
        let Some(atomic) = batches::lock_atomic(&mut tx, batch).await? else { return Ok(()) };
        let code = match atomic.state {
            BatchState::Queued | BatchState::Running => {
                if items::all_built(&mut tx, batch).await? {
                    let activated = self.activate(&mut tx, batch).await?;
                    crash_point("before_commit", "activate_batch");
                    tx.commit().await?;
                    let outcome = ItemState::Succeeded.as_str();
                    counter!(names::ITEMS_TOTAL, "outcome" => outcome).increment(activated);
                    crash_point("after_commit", "activate_batch");
                    return Ok(());
                }
                let Some(culprit) = items::first_failed(&mut tx, batch).await? else {
                    return Ok(());
                };
                self.begin_rollback(&mut tx, batch, culprit).await?;
                codes::BATCH_ROLLED_BACK
            }
            _ => atomic.code.unwrap_or(codes::CANCELLED),
        };
        let turned = turn_built_back(&mut tx, batch, code).await?;
        crash_point("before_commit", "turn_back");
        tx.commit().await?;
        crash_point("after_commit", "turn_back");
        if turned > 0 {
            queue::ring(&self.pool, Bell::Jobs).await;
        }
        Ok(())
    }

    async fn activate(&self, tx: &mut PgConnection, batch: BatchId) -> Result<u64, WholeError> {
        let tenants = items::activate_built(tx, batch).await?;
        let entry = self.entry("tenant.activated", batch);
        audit::append_for_tenants(tx, entry, &tenants).await?;
        info!(batch.id = %batch, tenants = tenants.len(),
            "all of batch {batch} is built; activated its {} tenants", tenants.len());
        Ok(tenants.len() as u64)
    }

    async fn begin_rollback(
        &self,
        tx: &mut PgConnection,
        batch: BatchId,
        culprit: i32,
    ) -> Result<(), WholeError> {
        if batches::begin_rollback(tx, batch, culprit).await? {
            let detail = json!({ "culprit": culprit });
            let entry = audit::Entry { detail, ..self.entry("batch.rolling_back", batch) };
            audit::append(tx, entry).await?;
            warn!(batch.id = %batch, culprit, "item {culprit} failed; rolling batch {batch} back");
        }
        Ok(())
    }

    fn entry(&self, action: &'static str, batch: BatchId) -> audit::Entry<'_> {
        audit::Entry { actor: &self.actor, action, batch: Some(batch), ..Default::default() }
    }
}

/// Gives every built item of `batch` a job that undoes it; says how many.
async fn turn_built_back(
    tx: &mut PgConnection,
    batch: BatchId,
    code: Code,
) -> Result<usize, WholeError> {
    let reason = ItemError {
        code,
        message: "the batch is all or nothing, and could not be completed".to_owned(),
        step: None,
        retryable: true,
    };
    let mut all = 0;
    loop {
        let jobs: Vec<String> = (0..PAGE).map(|_| JobId::mint().to_string()).collect();
        let turned = items::turn_built_back(tx, batch, &reason, &jobs).await?;
        let jobs = queue::jobs_of(turned)?;
        queue::enqueue(tx, &jobs, Duration::ZERO).await?;
        all += jobs.len();
        if jobs.len() < PAGE {
            return Ok(all);
        }
    }
}
