//! Looks at the control database every few seconds: whether it has the version that this program needs,
//! whether the master key of this process is the installation's, and whether it is a copy of the database
//! that the installation lives in. The last two stop the process.

use std::time::Duration;

use metrics::gauge;
use store::{
    Fit,
    master_keys::{self, MasterKeyRefusal, SealedSecret},
    origin::{self, OriginError},
    queue_state,
};
use telemetry::names;
use tokio::time;
use tracing::{debug, error, info, warn};

use crate::context::Context;

/// Between two looks at the schema.
const EVERY: Duration = Duration::from_secs(5);

/// Between two looks for a copy. A pool reconnects by itself, and a name may lead elsewhere by then.
const ORIGIN_EVERY: Duration = Duration::from_secs(15);

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

/// One look, before anything is served. A database that is away or not migrated is no reason not
/// to start.
///
/// # Errors
/// When the database is a copy.
pub(crate) async fn before_serving(context: &Context) -> Result<(), OriginError> {
    time::timeout(PATIENCE, look_for_copy(context)).await.unwrap_or(Ok(()))
}

/// Looks until the process stops; stops it when the database is a copy, and says so.
///
/// # Errors
/// When the database is a copy.
pub(crate) async fn watch_origin(context: Context) -> Result<(), OriginError> {
    let copied = async {
        loop {
            time::sleep(ORIGIN_EVERY).await;
            if let Err(copied) = look_for_copy(&context).await {
                return copied;
            }
        }
    };
    context.unless(copied).await
}

async fn look_for_copy(context: &Context) -> Result<(), OriginError> {
    let looked = async {
        let pool = context.pool();
        origin::check(&mut *pool.acquire().await?).await
    };
    match looked.await {
        Err(OriginError::Database(error)) => {
            debug!(%error, "could not look whether the database is a copy; looking again later");
            Ok(())
        }
        looked => looked,
    }
}
