//! The connections of one life.

use std::time::Duration;

use secrecy::ExposeSecret;
use settings::Settings;
use sqlx::PgPool;

use crate::StartError;

/// Connections beside those of the lanes: heartbeat, sweep, settling, one spare.
const SPARE_CONNECTIONS: u32 = 4;

/// Longest wait for connections to close that may be dead.
const CLOSING: Duration = Duration::from_secs(5);

/// Connections for the work and for the queue.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    pub(crate) work: PgPool,
    pub(crate) queue: PgPool,
}

impl Pools {
    /// Connects when first used.
    pub(crate) fn open(settings: &Settings) -> Result<Self, StartError> {
        let url = settings.database.require_url().map_err(StartError::Settings)?.expose_secret();
        let mut database = settings.database.clone();
        database.max_connections = u32::try_from(settings.worker.concurrency)
            .unwrap_or(u32::MAX)
            .saturating_add(SPARE_CONNECTIONS);
        let work =
            store::connect_by_key(url, &database, "tenantry-worker").map_err(StartError::Url)?;
        let queue =
            queue::connect(url, &settings.database, &settings.queue).map_err(StartError::Url)?;
        Ok(Self { work, queue })
    }

    /// Closes them without waiting: nothing of ours uses them any more.
    pub(crate) fn abandon(self) {
        tokio::spawn(async move {
            let closed = async { tokio::join!(self.work.close(), self.queue.close()) };
            // A dead connection does not answer the good-bye. Running out of time is as good an end
            // as any: what holds it is dropped here.
            let _ = tokio::time::timeout(CLOSING, closed).await;
        });
    }
}
