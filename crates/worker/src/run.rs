//! The whole worker process.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use domain::Backoff;
use provisioning::{Plans, Provisioner, RetryRules};
use queue::Consumer;
use saga::{PlanError, Runner};
use secrecy::ExposeSecret;
use settings::Settings;
use sqlx::PgPool;
use store::StageLimits;
use telemetry::Metrics;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    BuildError, build_parts,
    handler::Handler,
    health, heartbeat,
    settler::Settler,
    sweeper::{InProgress, Sweeper},
    whole_batch::WholeBatch,
};

/// Connections beside those of the items in work: heartbeat, sweep, settling, one spare.
const SPARE_CONNECTIONS: u32 = 4;

/// Jobs held for each item that can be in work, itself included: the next ones are at hand when
/// one ends.
const JOBS_AT_HAND: usize = 3;

/// How much of the wait for a lock a silent session may hold one: the rest is for the server to
/// notice and to roll back.
const SILENCE_SHARE: f32 = 0.6;

/// Longest wait between two looks for a database that is not there yet, in seconds.
const MAX_START_WAIT_SECS: u64 = 5;

/// The worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or bad.
    #[error("a setting is missing")]
    Settings(#[source] settings::SettingsError),
    /// The database URL is none.
    #[error("DATABASE_URL is not a PostgreSQL URL")]
    Url(#[source] sqlx::Error),
    /// What the provisioning needs could not be read.
    #[error("could not read what provisioning needs")]
    Build(#[source] BuildError),
    /// The plan contradicts itself.
    #[error("the plan cannot be followed")]
    Plan(#[source] PlanError),
    /// The database refused to register this process.
    #[error("could not register this worker")]
    Register(#[source] sqlx::Error),
    /// The health endpoint failed.
    #[error("could not serve the health endpoint")]
    Health(#[source] std::io::Error),
}

struct Process {
    settings: Settings,
    pool: PgPool,
    queue_pool: PgPool,
    plans: Arc<Plans>,
    head: i64,
}

/// Works until `stop` is cancelled: takes no new items, finishes those begun, and returns.
/// Serves `/healthz`, `/readyz` and `/metrics` on `listener` meanwhile.
///
/// # Errors
/// When a setting or secret is missing, the tenant migrations are refused, or the listener fails.
/// A database that is away or not migrated yet is waited for.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let (pool, queue_pool) = pools(&settings)?;
    let done = CancellationToken::new();
    let health =
        tokio::spawn(health::serve(listener, pool.clone(), Metrics::install(), done.clone()));
    let worked = start_and_work(settings, pool, queue_pool, &stop).await;
    done.cancel();
    match health.await {
        Ok(served) => served.map_err(StartError::Health)?,
        Err(panicked) => warn!(error = %panicked, "the health endpoint panicked"),
    }
    worked
}

fn pools(settings: &Settings) -> Result<(PgPool, PgPool), StartError> {
    let url = settings.database.require_url().map_err(StartError::Settings)?.expose_secret();
    let mut work = settings.database.clone();
    work.max_connections = u32::try_from(settings.worker.concurrency)
        .unwrap_or(u32::MAX)
        .saturating_add(SPARE_CONNECTIONS);
    let pool = store::connect(url, &work, "tenantry-worker").map_err(StartError::Url)?;
    let queue_pool =
        queue::connect(url, &settings.database, &settings.queue).map_err(StartError::Url)?;
    Ok((pool, queue_pool))
}

async fn start_and_work(
    settings: Settings,
    pool: PgPool,
    queue_pool: PgPool,
    stop: &CancellationToken,
) -> Result<(), StartError> {
    tokio::select! {
        () = wait_for_database(&pool) => {}
        () = stop.cancelled() => return Ok(()),
    }
    let parts = build_parts(&settings, &pool).await.map_err(StartError::Build)?;
    let plans = Arc::new(Plans::new(&parts).map_err(StartError::Plan)?);
    let head = parts.migrations.head();
    let process = Process { settings, pool, queue_pool, plans, head };
    while !stop.is_cancelled() {
        process.live(stop).await?;
    }
    info!("the worker has drained and stops");
    Ok(())
}

/// Returns when the database answers and is migrated.
async fn wait_for_database(pool: &PgPool) {
    let mut wait = Duration::from_millis(100);
    loop {
        match queue::is_set_up(pool).await {
            Ok(true) => return,
            Ok(false) => {
                warn!("the database is not migrated yet: run `tenantry migrate public up`")
            }
            Err(error) => warn!(%error, "the database does not answer yet"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(MAX_START_WAIT_SECS));
    }
}

impl Process {
    /// One life under one id; ends with `stop`, or when the others declared this worker dead.
    async fn live(&self, stop: &CancellationToken) -> Result<(), StartError> {
        let id = fresh_id();
        self.register(&id).await.map_err(StartError::Register)?;
        info!(worker.id = %id, concurrency = self.settings.worker.concurrency, "worker {id} starts");
        let lost = CancellationToken::new();
        // Ends the background tasks: after the drain, since items in work still need them.
        let over = CancellationToken::new();
        let actor = format!("worker:{id}");
        let settler = Settler::new(WholeBatch { pool: self.pool.clone(), head: self.head, actor });
        let in_progress = InProgress::default();
        let background = self.background(&id, &settler, &in_progress, &lost, &over);
        self.consume(&id, settler.clone(), in_progress, either(stop, &lost)).await;
        over.cancel();
        for task in background {
            if let Err(panicked) = task.await {
                warn!(error = %panicked, "a background task panicked");
            }
        }
        let retired =
            async { store::workers::retire(&mut *self.pool.acquire().await?, &id).await }.await;
        if let Err(error) = retired {
            warn!(worker.id = %id, %error, "could not sign off; the others will notice");
        }
        Ok(())
    }

    async fn register(&self, id: &str) -> sqlx::Result<()> {
        let mut conn = self.pool.acquire().await?;
        let version = env!("CARGO_PKG_VERSION");
        store::workers::register(&mut conn, id, &host(), std::process::id(), version).await
    }

    fn background(
        &self,
        id: &str,
        settler: &Settler,
        in_progress: &InProgress,
        lost: &CancellationToken,
        over: &CancellationToken,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let worker = &self.settings.worker;
        let beat = Duration::from_millis(worker.heartbeat_ms);
        let heart =
            heartbeat::run(self.pool.clone(), id.to_owned(), beat, over.clone(), lost.clone());
        let sweeper = Sweeper {
            pool: self.pool.clone(),
            worker: id.to_owned(),
            dead_after: Duration::from_millis(worker.dead_after_ms),
            every: Duration::from_millis(worker.sweep_ms),
            retain_jobs: Duration::from_secs(
                u64::from(self.settings.queue.retain_done_hours) * 3600,
            ),
            in_progress: in_progress.clone(),
            whole: settler.whole().clone(),
        };
        let (settler, settled) = (settler.clone(), over.clone());
        vec![
            tokio::spawn(heart),
            tokio::spawn(sweeper.run(over.clone())),
            tokio::spawn(async move { settler.run(settled).await }),
        ]
    }

    async fn consume(
        &self,
        id: &str,
        settler: Settler,
        in_progress: InProgress,
        stop: CancellationToken,
    ) {
        let worker = &self.settings.worker;
        let stage = Duration::from_millis(worker.stage_timeout_ms);
        let handler = Arc::new(Handler {
            pool: self.pool.clone(),
            provisioner: self.provisioner(id),
            settler,
            in_progress,
            busy: AtomicUsize::new(0),
            turns: Semaphore::new(worker.concurrency),
            patience: stage * 2,
            stop: stop.clone(),
        });
        let consumer = Consumer {
            worker: id.to_owned(),
            handlers: worker.concurrency * JOBS_AT_HAND,
            // The handler gives an item up by itself; this is the net under it, and covers the
            // wait for a turn.
            handler_timeout: stage * 8,
            drain_timeout: Duration::from_millis(worker.drain_timeout_ms),
        };
        let handle = move |item| Arc::clone(&handler).handle(item);
        queue::consume(self.queue_pool.clone(), &self.settings.queue, &consumer, handle, stop)
            .await;
    }

    fn provisioner(&self, id: &str) -> Provisioner {
        let worker = &self.settings.worker;
        let lock = Duration::from_millis(worker.lock_timeout_ms);
        let limits = StageLimits {
            statement: Duration::from_millis(worker.stage_timeout_ms),
            lock,
            silence: lock.mul_f32(SILENCE_SHARE),
        };
        let rules = RetryRules {
            max_attempts: worker.max_attempts,
            backoff: Backoff { base_ms: worker.backoff_base_ms, cap_ms: worker.backoff_cap_ms },
            dead_after: Duration::from_millis(worker.dead_after_ms),
        };
        // One of `concurrency` connections is closed each time, so each lasts for
        // `connection_uses` tenants on average.
        let every = u64::from(worker.connection_uses) / worker.concurrency.max(1) as u64;
        let runner = Runner::new(self.pool.clone(), limits, every);
        Provisioner::new(self.pool.clone(), runner, Arc::clone(&self.plans), rules, id.to_owned())
    }
}

/// A token cancelled when either of the two is.
fn either(a: &CancellationToken, b: &CancellationToken) -> CancellationToken {
    let any = a.child_token();
    let (b, cancel) = (b.clone(), any.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = b.cancelled() => cancel.cancel(),
            () = cancel.cancelled() => {}
        }
    });
    any
}

/// A name no process has had before: a reused one would revive a dead worker's claims.
fn fresh_id() -> String {
    format!("{}-{}", host(), ulid::Ulid::generate())
}

fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}
