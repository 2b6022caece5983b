//! The connections of one life.

use std::time::Duration;

use secrecy::ExposeSecret;
use settings::Settings;
use sqlx::{PgPool, postgres::PgConnectOptions};
use store::Connections;
use tracing::{info, warn};

use crate::{StartError, life::INTERRUPT_LANES};

/// Connections beside those of the lanes, for what is short: heartbeat, sweep, settling. Each session
/// takes part in every CREATE and fills caches of its own.
const SPARE_CONNECTIONS: u32 = 2;

/// An examination works over one, and learns over another.
const EXAMINING_CONNECTIONS: u32 = 2;

/// Longest wait for connections to close that may be dead.
const CLOSING: Duration = Duration::from_secs(5);

/// Between two looks at the file of the URL and the password file.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// The pools for the work and for the queue.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    pub(crate) work: Connections,
    pub(crate) queue: PgPool,
}

impl Pools {
    /// Connects when first used.
    pub(crate) fn open(settings: &Settings) -> Result<Self, StartError> {
        let (work, queue) = logins(settings)?;
        let lanes = settings::Database {
            max_connections: work_connections(settings),
            ..settings.database.clone()
        };
        let work = Connections::warm(store::pool(work, &lanes));
        Ok(Self { work, queue: queue::pool(queue, &settings.database, &settings.queue) })
    }

    /// Opens the next connections by the URL and password that are in force now.
    pub(crate) fn renew(&self, settings: &Settings) {
        match logins(settings) {
            Ok((work, queue)) => {
                if store::renew(&self.work, work) | store::renew(&self.queue, queue) {
                    info!("the database's URL or password has changed; new connections use it");
                }
            }
            Err(error) => {
                warn!(cause = telemetry::chain(&error), "new connections use the URL as it was")
            }
        }
    }

    pub(crate) fn do_without_tls(&self) {
        store::do_without_tls(&self.work);
        store::do_without_tls(&self.queue);
    }

    /// Connections for an examination: two, whose statements may take `patience`.
    pub(crate) fn examining(
        &self,
        settings: &Settings,
        patience: Duration,
    ) -> Result<PgPool, StartError> {
        let database = settings::Database {
            max_connections: EXAMINING_CONNECTIONS,
            statement_timeout_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            ..settings.database.clone()
        };
        let url = database.require_url().map_err(StartError::Settings)?;
        let options = store::options(url.expose_secret(), &database, "tenantry-worker");
        let tls = self.work.connect_options().get_ssl_mode();
        Ok(store::pool(options.map_err(StartError::Url)?.ssl_mode(tls), &database))
    }

    /// Follows changes of the URL and password for as long as it is polled.
    pub(crate) async fn follow(self, settings: Settings) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            self.renew(&settings);
        }
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

fn work_connections(settings: &Settings) -> u32 {
    let lanes = settings.worker.concurrency.saturating_add(INTERRUPT_LANES);
    let lanes = u32::try_from(lanes).unwrap_or(u32::MAX);
    lanes.saturating_add(SPARE_CONNECTIONS)
}

/// What to tell when the server has too few connections for this worker.
pub(crate) fn shortage(settings: &Settings, room: store::Room) -> Option<String> {
    let (work, queue) = (work_connections(settings), settings.queue.max_connections);
    let concurrency = settings.worker.concurrency;
    let beside = work - u32::try_from(concurrency).unwrap_or(work);
    let named = format!(
        "worker.concurrency = {concurrency}, {beside} beside it, \
         queue.max_connections = {queue}"
    );
    room.shortage(work.saturating_add(queue), &named)
}

/// How to connect for the work and for the queue, read anew.
fn logins(settings: &Settings) -> Result<(PgConnectOptions, PgConnectOptions), StartError> {
    let database = &settings.database;
    let url = database.require_url().map_err(StartError::Settings)?;
    let url = url.expose_secret();
    let work = store::options(url, database, "tenantry-worker").map_err(StartError::Url)?;
    let queue = queue::options(url, database).map_err(StartError::Url)?;
    Ok((store::by_key(work), queue))
}
