//! The connections of one life.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use secrecy::ExposeSecret;
use settings::Settings;
use sqlx::{PgPool, postgres::PgConnectOptions};
use store::Connections;
use tracing::{info, warn};

use crate::{StartError, life::INTERRUPT_LANES};

/// Connections for what runs beside the lanes and is short: heartbeat, sweep, settling. Each session
/// takes part in every CREATE and fills caches of its own.
const BESIDE_LANES: u32 = 3;

/// A lane has one, and opens another in the place of one that does not come back.
const OF_A_LANE: u32 = 2;

/// An examination works over one, and learns over another.
const EXAMINING_CONNECTIONS: u32 = 2;

/// Longest wait for connections to close that may be dead.
const CLOSING: Duration = Duration::from_secs(5);

/// Between two looks at the file of the URL and the password file.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// The pools for the lanes, for what runs beside them, and for the queue.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    /// One for each lane: a session that others use in turn has missed more changes of the catalogue than the server
    /// keeps for it, and forgets all that it knew.
    pub(crate) lanes: Arc<[Connections]>,
    pub(crate) work: Connections,
    pub(crate) queue: PgPool,
}

impl Pools {
    /// Connects when first used.
    pub(crate) fn open(settings: &Settings) -> Result<Self, StartError> {
        let (work, queue) = logins(settings)?;
        let pool = |max_connections| {
            let database = settings::Database { max_connections, ..settings.database.clone() };
            Connections::from(store::pool(work.clone(), &database))
        };
        Ok(Self {
            lanes: (0..lanes(settings)).map(|_| pool(OF_A_LANE)).collect(),
            work: pool(BESIDE_LANES),
            queue: queue::pool(queue, &settings.database, &settings.queue),
        })
    }

    /// Opens the next connections by the URL and password that are in force now.
    pub(crate) fn renew(&self, settings: &Settings) {
        match logins(settings) {
            Ok((work, queue)) => {
                let renewed = self.of_work().map(|pool| store::renew(pool, work.clone()));
                if renewed.fold(store::renew(&self.queue, queue), |some, this| some | this) {
                    info!("the database's URL or password has changed; new connections use it");
                }
            }
            Err(error) => {
                warn!(cause = telemetry::chain(&error), "new connections use the URL as it was")
            }
        }
    }

    pub(crate) fn do_without_tls(&self) {
        self.of_work().for_each(|pool| store::do_without_tls(pool));
        store::do_without_tls(&self.queue);
    }

    fn of_work(&self) -> impl Iterator<Item = &Connections> {
        self.lanes.iter().chain([&self.work])
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
            let work = join_all(self.of_work().map(|pool| pool.close()));
            let closed = async { tokio::join!(work, self.queue.close()) };
            // A dead connection does not answer the good-bye. Running out of time is as good an end
            // as any: what holds it is dropped here.
            let _ = tokio::time::timeout(CLOSING, closed).await;
        });
    }
}

fn lanes(settings: &Settings) -> usize {
    settings.worker.concurrency.saturating_add(INTERRUPT_LANES)
}

/// What to tell when the server has too few connections for this worker.
pub(crate) fn shortage(settings: &Settings, room: store::Room) -> Option<String> {
    let lanes = u32::try_from(lanes(settings)).unwrap_or(u32::MAX);
    let (work, queue) = (lanes.saturating_add(BESIDE_LANES), settings.queue.max_connections);
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
