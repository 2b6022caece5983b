//! Looks at the control schema every few seconds: whether it has the version that this program
//! needs, and whether the master key of this process is the installation's.

use std::time::Duration;

use metrics::gauge;
use store::{
    Fit,
    master_keys::{self, MasterKeyRefusal, SealedSecret},
    queue_state,
};
use telemetry::names;
use tokio::time;
use tracing::{error, info, warn};

use crate::context::Context;

const EVERY: Duration = Duration::from_secs(5);

/// Longest wait for an answer. A start waits as long for the first look.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waiting items are counted no further than this, so that a look stays cheap.
const MOST_COUNTED: i64 = 10_000;

/// What the looks have found.
#[derive(Debug, Default)]
pub(crate) struct SchemaWatch {
    fit: Option<Fit>,
    /// The master key was found to be the installation's.
    agreed: bool,
}

impl SchemaWatch {
    /// Looks once. A database that does not answer is no error.
    ///
    /// # Errors
    /// When the installation has another master key.
    pub(crate) async fn look(&mut self, context: &Context) -> Result<(), MasterKeyRefusal> {
        let pool = context.pool();
        let asked = async { store::fit(&mut *pool.acquire().await?).await };
        let Ok(Ok(fit)) = time::timeout(PATIENCE, asked).await else { return Ok(()) };
        self.take(context, fit);
        if !self.agreed && fit != Fit::Older {
            self.agreed = match time::timeout(PATIENCE, agree(context)).await {
                Ok(Ok(())) => true,
                Ok(Err(MasterKeyRefusal::Database(_))) | Err(_) => false,
                Ok(Err(refusal)) => return Err(refusal),
            };
        }
        self.measure(context).await;
        Ok(())
    }

    /// Measures the queue, which a worker does too: without a worker only the API knows of it.
    async fn measure(&self, context: &Context) {
        if self.fit == Some(Fit::Older) {
            return;
        }
        let pool = context.pool();
        let asked = async { queue_state::waiting(&mut *pool.acquire().await?, MOST_COUNTED).await };
        if let Ok(Ok(waiting)) = time::timeout(PATIENCE, asked).await {
            let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
            gauge!(names::QUEUE_WAITING).set(f64::from(waiting));
        }
    }

    fn take(&mut self, context: &Context, fit: Fit) {
        context.set_not_migrated(fit == Fit::Older);
        if self.fit.replace(fit) == Some(fit) {
            return;
        }
        match fit {
            Fit::Fits => info!("the control schema has the version of this API"),
            Fit::Older => error!(
                "the control schema is not migrated: calls are answered 503 until \
                 `tenantry migrate public up` has run"
            ),
            Fit::Newer { schema, known } => warn!(
                "the control schema has version {schema} and this API knows {known}: start the \
                 API of the newer release"
            ),
        }
    }

    /// Looks until the process stops; stops it when the installation has another master key.
    ///
    /// # Errors
    /// When the installation has another master key.
    pub(crate) async fn watch(mut self, context: Context) -> Result<(), MasterKeyRefusal> {
        let refusal = async {
            loop {
                time::sleep(EVERY).await;
                if let Err(refusal) = self.look(&context).await {
                    return refusal;
                }
            }
        };
        context.unless(refusal).await
    }
}

async fn agree(context: &Context) -> Result<(), MasterKeyRefusal> {
    let sealer = context.sealer().await?;
    let ours: Vec<String> = sealer.ids().map(|id| id.to_string()).collect();
    let opens = |it: &SealedSecret| sealer.open(&it.sealed, it.tenant).is_ok();
    let mut conn = context.pool().acquire().await?;
    master_keys::agree(&mut conn, &ours, opens).await?;
    Ok(())
}
