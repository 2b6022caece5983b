//! What every request shares.

use std::{
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{InstallationId, NamePolicy, OperatorId, Pattern, SettingsPolicy};
use keys::{KeyRules, MasterKeys, MasterKeysError, Minter, MinterError, Sealer};
use settings::{Settings, SettingsError};
use sqlx::PgPool;
use store::Connections;
use telemetry::Metrics;
use tokio::{
    sync::{OnceCell, Semaphore, watch},
    time,
};
use tokio_util::sync::CancellationToken;

use crate::{
    http::{
        authenticator::Authenticator,
        openapi,
        parameters::Parameters,
        router,
        shares::{RateLimit, Shares},
        wait::BatchEvents,
    },
    pool_watch::Reach,
    views::counts::OpenCounts,
};

/// Longest wait for the connections of a pool that was replaced.
const CLOSING: Duration = Duration::from_secs(30);

/// What every request shares. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Shared>);

pub struct Shared {
    pool: watch::Sender<Connections>,
    pub(crate) settings: Settings,
    /// What tenants may ask for.
    pub(crate) policy: SettingsPolicy,
    master_keys: MasterKeys,
    minter: Minter,
    keys: OnceCell<KeyRules>,
    /// Whether the control schema is older than this program, or in parts missing, by the last look.
    not_migrated: AtomicBool,
    installation: OnceCell<InstallationId>,
    pub(crate) authenticator: Authenticator,
    pub(crate) rate_limit: RateLimit,
    /// How many calls are worked on at a time.
    pub(crate) in_flight: Arc<Semaphore>,
    /// How large the request bodies in memory may be together, in KiB.
    pub(crate) bodies: Arc<Semaphore>,
    /// How much of that may be one operator's, in KiB.
    pub(crate) bodies_of: Shares<OperatorId>,
    /// How many of the calls may be one operator's.
    pub(crate) calls_of: Shares<OperatorId>,
    /// How many results one operator may wait for.
    pub(crate) waits_of: Shares<OperatorId>,
    pub(crate) events: BatchEvents,
    pub(crate) counts: OpenCounts,
    reach: Reach,
    pub(crate) metrics: Metrics,
    document: OnceLock<String>,
    parameters: OnceLock<Parameters>,
    /// Cancelled when the process has been told to end.
    pub(crate) stop: CancellationToken,
}

impl Deref for Context {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The API cannot start with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A value that is needed is not set.
    #[error("could not read the settings")]
    Settings(#[from] SettingsError),
    /// A setting does not hold a master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeysError),
    #[error("API_KEY_PREFIX or API_KEY_LENGTH is not usable")]
    KeyForm(#[source] MinterError),
}

impl Context {
    /// What requests on `pool` share. Waiting requests are let go when `stop` is cancelled.
    ///
    /// # Errors
    /// When the master key is not set, or not one, or API keys cannot have the form that is set.
    pub fn new(
        settings: Settings,
        pool: PgPool,
        stop: CancellationToken,
    ) -> Result<Self, ContextError> {
        let present = settings.keys.require_master_key()?;
        let previous = settings.keys.master_key_previous.as_ref();
        let master_keys = MasterKeys::parse(present, previous)?;
        let minter = Minter::new(&settings.keys.prefix, settings.keys.length);
        Ok(Self(Arc::new(Shared {
            minter: minter.map_err(ContextError::KeyForm)?,
            pool: watch::Sender::new(pool.into()),
            policy: policy(&settings.tenants),
            master_keys,
            keys: OnceCell::new(),
            not_migrated: AtomicBool::new(false),
            installation: OnceCell::new(),
            authenticator: Authenticator::default(),
            rate_limit: RateLimit::new(settings.api.requests_per_second, settings.api.burst),
            in_flight: Arc::new(Semaphore::new(settings.api.max_in_flight)),
            bodies: Arc::new(Semaphore::new(settings.api.max_bodies_bytes / 1024)),
            bodies_of: Shares::new(share_of_bodies(&settings.api)),
            calls_of: Shares::new(settings.api.max_in_flight_per_operator),
            waits_of: Shares::new(settings.api.max_waits_per_operator),
            events: BatchEvents::default(),
            counts: OpenCounts::default(),
            reach: Reach::default(),
            metrics: Metrics::install(),
            document: OnceLock::new(),
            parameters: OnceLock::new(),
            stop,
            settings,
        })))
    }

    pub(crate) fn pool(&self) -> Connections {
        self.pool.borrow().clone()
    }

    /// Tells the processes that listen, as [`queue::ring`].
    pub(crate) async fn ring(&self, bell: queue::Bell) {
        queue::ring(&self.pool(), bell).await;
    }

    /// The pool, and each that replaces it.
    pub(crate) fn pools(&self) -> watch::Receiver<Connections> {
        self.pool.subscribe()
    }

    /// From now on requests use `pool`. The one before takes no more, and is not waited for: its
    /// connections may be dead.
    pub(crate) fn replace_pool(&self, pool: PgPool) {
        let old = self.pool.send_replace(pool.into());
        tokio::spawn(async move { time::timeout(CLOSING, old.close()).await });
    }

    /// Whether the database gives this process new connections.
    pub(crate) async fn database_is_there(&self) -> bool {
        let options = self.pool().connect_options();
        self.reach.is_there(&options).await
    }

    /// What callers find before every path of the API.
    pub(crate) fn public_path(&self) -> &str {
        &self.settings.api.public_path
    }

    pub(crate) fn parameters(&self) -> &Parameters {
        self.parameters.get_or_init(|| Parameters::of(&router::description()))
    }

    pub(crate) fn document(&self) -> &str {
        self.document.get_or_init(|| openapi::document(self.public_path()))
    }

    /// A worker that is silent for longer does no work.
    pub(crate) fn dead_after(&self) -> Duration {
        Duration::from_millis(self.settings.worker.dead_after_ms)
    }

    /// How API keys are made and sealed. The installation's random value, which master keys are told apart
    /// by, is read once.
    pub(crate) async fn keys(&self) -> sqlx::Result<&KeyRules> {
        let rules = self.keys.get_or_try_init(|| async {
            let mut conn = self.pool().acquire().await?;
            let salt = store::master_keys::salt(&mut conn).await?;
            let sealer = self.master_keys.sealer(salt.as_bytes());
            let keys = &self.settings.keys;
            Ok(KeyRules::new(self.minter.clone(), sealer, keys.sealed_hours, keys.expires_days))
        });
        rules.await
    }

    /// Opens sealed API keys.
    pub(crate) async fn sealer(&self) -> sqlx::Result<&Sealer> {
        Ok(&self.keys().await?.sealer)
    }

    /// Whether the control schema is older than this program, or in parts missing.
    pub(crate) fn is_not_migrated(&self) -> bool {
        self.not_migrated.load(Ordering::Relaxed)
    }

    /// What a look at the control schema has found.
    pub(crate) fn set_not_migrated(&self, not_migrated: bool) {
        self.not_migrated.store(not_migrated, Ordering::Relaxed);
    }

    /// Waits until the process is told to end, or for a `refusal`, which ends it.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) async fn unless<E>(&self, refusal: impl Future<Output = E>) -> Result<(), E> {
        let refused = self.stop.run_until_cancelled(refusal).await;
        refused.map_or(Ok(()), Err).inspect_err(|_| self.stop.cancel())
    }

    /// The installation's id, read once: part of every role's name.
    pub(crate) async fn installation(&self) -> sqlx::Result<&InstallationId> {
        self.installation
            .get_or_try_init(|| async {
                let mut conn = self.pool().acquire().await?;
                store::installation(&mut conn).await
            })
            .await
    }
}

/// What one operator's bodies may take of the memory of all, in KiB: half, and one body at least, so
/// that a single caller never keeps the others out.
fn share_of_bodies(api: &settings::Api) -> usize {
    (api.max_bodies_bytes / 2).max(api.max_body_bytes).div_ceil(1024)
}

fn policy(tenants: &settings::Tenants) -> SettingsPolicy {
    SettingsPolicy {
        available_features: tenants.available_features.clone(),
        default_features: tenants.default_features.clone(),
        default_limits: tenants.default_limits.clone(),
        max_limits: tenants.max_limits.clone(),
        names: NamePolicy {
            name_pattern: tenants.name_pattern.as_deref().map(pattern),
            schema_name_pattern: tenants.schema_name_pattern.as_deref().map(pattern),
            domain_suffixes: tenants.domain_suffixes.clone(),
            reserved_names: tenants.reserved_names.iter().map(|it| it.to_lowercase()).collect(),
        },
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("the settings hold regular expressions that were compiled once")
}
