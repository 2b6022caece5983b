//! The whole worker process: one life after another, until it is told to stop.

use std::{sync::Arc, time::Duration};

use engine::PlanError;
use operations::{Plans, learning::LearnError};
use settings::Settings;
use sqlx::{Connection as _, PgConnection};
use store::{
    Connections, SessionError, Unreachable,
    origin::{self, OriginError},
};
use telemetry::Metrics;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    BuildError, build, build_parts,
    health::{self, Standing},
    life::{Life, Work},
    pools::{self, Pools},
};

/// Longest wait between two tries to start while the database is away, in seconds.
const MAX_START_WAIT_SECS: u64 = 5;

/// The worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a setting is missing")]
    Settings(#[source] settings::SettingsError),
    #[error("DATABASE_URL is not a PostgreSQL URL")]
    Url(#[source] sqlx::Error),
    /// The database user may not act for the owner of Tenantry's schema, or a pooler drops settings.
    #[error("the database cannot be used")]
    Session(#[source] Unreachable),
    #[error("the worker cannot provision")]
    Build(#[source] BuildError),
    #[error("the plan cannot be followed")]
    Plan(#[source] PlanError),
    /// The database is a copy of the one that the installation lives in.
    #[error("this worker may not work on its database")]
    Origin(#[source] OriginError),
    #[error("could not register this worker")]
    Register(#[source] sqlx::Error),
    #[error("could not serve the health endpoint")]
    Health(#[source] std::io::Error),
}

impl StartError {
    /// Whether the database was away, busy or not migrated yet: it is tried again then, as long as it takes.
    fn is_transient(&self) -> bool {
        if matches!(self, Self::Origin(error) if error.is_not_migrated()) {
            return true;
        }
        // `tenantry migrate shared up` is to come, as `public up` may be.
        if matches!(self, Self::Build(BuildError::Learn(LearnError::NeedsShared(_)))) {
            return true;
        }
        let database = match self {
            Self::Build(error) => error.database(),
            Self::Origin(error) => error.database(),
            Self::Register(error) => Some(error),
            _ => None,
        };
        database.is_some_and(|error| store::classify(error).is_transient())
    }
}

/// Works until `stop` is cancelled: takes no new items, finishes those begun, and returns.
/// Serves `/healthz`, `/readyz` and `/metrics` on `listener` meanwhile.
///
/// # Errors
/// When a setting or secret is missing, the tenant migrations are refused, the listener fails, or the
/// database is a copy. A database that is away or not migrated yet is waited for.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let pools = Pools::open(&settings)?;
    let (current, seen) = watch::channel(pools.work.clone());
    let standing = Standing::new();
    let metrics = Metrics::install();
    telemetry::names::begin_worker();
    let done = CancellationToken::new();
    let serving = health::serve(listener, seen, standing.trouble(), metrics, done.clone());
    let health = tokio::spawn(serving);
    let worked = Worker { settings: &settings, standing, current }.live_on(pools, &stop).await;
    done.cancel();
    match health.await {
        Ok(served) => served.map_err(StartError::Health)?,
        Err(panicked) => warn!(error = %panicked, "the health endpoint panicked"),
    }
    worked
}

/// What lasts for the whole process.
struct Worker<'a> {
    settings: &'a Settings,
    standing: Standing,
    /// The connections of the present life.
    current: watch::Sender<Connections>,
}

impl Worker<'_> {
    /// One life after another, each with connections of its own: those of the life before may be
    /// dead without anybody having said so.
    async fn live_on(&self, mut pools: Pools, stop: &CancellationToken) -> Result<(), StartError> {
        let mut work = None;
        let mut wait = Duration::from_millis(100);
        loop {
            match self.one_life(&pools, &mut work, stop).await {
                _ if stop.is_cancelled() => break,
                Ok(()) => wait = Duration::from_millis(100),
                Err(error) => {
                    let cause = telemetry::chain(&error);
                    self.standing.refused(&pools.work, &cause).await;
                    if !error.is_transient() {
                        return Err(error);
                    }
                    warn!(%cause, "could not start yet; trying again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break,
            }
            wait = (wait * 2).min(Duration::from_secs(MAX_START_WAIT_SECS));
            let old = std::mem::replace(&mut pools, Pools::open(self.settings)?);
            old.abandon();
            self.current.send_replace(pools.work.clone());
        }
        info!("the worker has drained and stops");
        Ok(())
    }

    async fn one_life(
        &self,
        pools: &Pools,
        work: &mut Option<Work>,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        let life = tokio::select! {
            life = self.begin(pools, work) => life?,
            () = stop.cancelled() => return Ok(()),
        };
        self.standing.works();
        life.run(stop).await;
        Ok(())
    }

    async fn begin<'a>(
        &'a self,
        pools: &'a Pools,
        work: &'a mut Option<Work>,
    ) -> Result<Life<'a>, StartError> {
        let conn = self.wait_for_database(pools).await?;
        // `DATABASE_URL` may lead to a copy by now.
        let origin = async { origin::check(&mut *pools.work.acquire().await?).await };
        origin.await.map_err(StartError::Origin)?;
        let work = match work {
            Some(work) => {
                agree(&pools.work, work).await.map_err(StartError::Build)?;
                work
            }
            None => {
                tell_of_shortage(self.settings, conn).await;
                let parts = build_parts(self.settings, &pools.work).await;
                let parts = parts.map_err(StartError::Build)?;
                let plans = Plans::new(&parts).map_err(StartError::Plan)?;
                work.insert(Work::new(Arc::new(plans)))
            }
        };
        Life::begin(self.settings, pools, work).await
    }

    /// A connection, once the database answers and has the version that this program works with.
    async fn wait_for_database(&self, pools: &Pools) -> Result<PgConnection, StartError> {
        let mut wait = Duration::from_millis(100);
        let mut told = String::new();
        loop {
            pools.renew(self.settings);
            match look(pools).await {
                Ok((conn, None)) => return Ok(conn),
                Ok((_, Some(why))) => {
                    warn!("{why}");
                    self.standing.refused(&pools.work, &why).await;
                }
                Err(error) if SessionError::of(error.error()).is_some() => {
                    return Err(StartError::Session(error));
                }
                Err(error) => tell(&error, &mut told),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(MAX_START_WAIT_SECS));
        }
    }
}

/// Says so when the server has too few connections for this worker.
async fn tell_of_shortage(settings: &Settings, mut conn: PgConnection) {
    match store::room(&mut conn).await {
        Ok(room) => {
            if let Some(shortage) = pools::shortage(settings, room) {
                warn!("{shortage}");
            }
        }
        Err(error) => warn!(cause = telemetry::chain(&error), "could not count the connections"),
    }
    if let Err(error) = conn.close().await {
        warn!(cause = telemetry::chain(&error), "a connection did not close well");
    }
}

/// The master key may have been changed since the life before.
async fn agree(pool: &Connections, work: &Work) -> Result<(), BuildError> {
    let mut conn = pool.acquire().await.map_err(BuildError::Database)?;
    let sealer = work.borrow().parts().keys.sealer.clone();
    Ok(build::agree(&mut conn, &sealer).await?)
}

/// A new connection, and why the control schema does not fit this program, if it does not.
async fn look(pools: &Pools) -> Result<(PgConnection, Option<String>), Unreachable> {
    let patience = Duration::from_secs(MAX_START_WAIT_SECS);
    let options = pools.work.connect_options();
    let store::Reached { mut conn, unencrypted, .. } = store::reach(&options, patience).await?;
    if let Some(unencrypted) = unencrypted {
        warn!("{unencrypted}");
        pools.do_without_tls();
    }
    let fit = store::fit(&mut conn).await.map_err(|error| Unreachable::at(&options, error))?;
    Ok((conn, health::misfit(fit)))
}

/// Says why there is no connection, once for each reason.
fn tell(error: &Unreachable, told: &mut String) {
    let cause = telemetry::chain(error);
    if cause == *told {
        return;
    }
    if error.is_refused_login() {
        error!("{cause}; waiting for another password (DATABASE_URL_FILE or the password file)");
    } else {
        warn!(cause, "the database does not answer yet");
    }
    *told = cause;
}
