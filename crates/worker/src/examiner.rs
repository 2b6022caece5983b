//! Has everything but single tenants examined once a day, by what `tenantry doctor` does; enrols
//! tenants that are to be looked at; and says how many are not well.

use std::time::Duration;

use doctor::{ExamineError, Kind, Scope};
use metrics::gauge;
use operations::Parts;
use settings::Settings;
use sqlx::PgPool;
use store::{Connections, checks, findings};
use telemetry::names::{self, label};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{checker::period, pools::Pools, shared_migrations};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(60);

/// Between two portions of the registry that are enrolled.
const BREATH: Duration = Duration::from_millis(200);

/// Between two examinations, at most.
const DAY: Duration = Duration::from_secs(86_400);

/// An examination that takes longer is given up: less than it takes until others may begin one.
const PATIENCE: Duration = checks::LEFT_AFTER.saturating_sub(Duration::from_secs(60));

/// Findings of one kind that are kept, at most.
const MOST: u32 = 10_000;

pub(crate) struct Examiner {
    pub(crate) pools: Pools,
    pub(crate) parts: std::sync::Arc<Parts>,
    pub(crate) settings: Settings,
}

#[derive(Debug, thiserror::Error)]
enum ExaminerError {
    #[error("the system could not be examined")]
    Examine(#[from] ExamineError),
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    #[error("it took too long and was given up")]
    TookTooLong,
    #[error("it broke off")]
    Broken(#[source] tokio::task::JoinError),
    #[error("it could not connect")]
    Connect(#[source] Box<crate::StartError>),
}

impl Examiner {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            match stop.run_until_cancelled(self.round()).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let cause = telemetry::chain(&error);
                    warn!(cause, "a scheduled examination failed; another one follows");
                }
            }
        }
    }

    async fn round(&self) -> Result<(), ExaminerError> {
        let pool = &self.pools.work;
        if let Some(period) = period(self.settings.checks) {
            while checks::enrol(&mut *pool.acquire().await?, period).await? {
                tokio::time::sleep(BREATH).await;
            }
            let begun = checks::take_examination(&mut *pool.acquire().await?).await?;
            if let Some(since) = begun {
                let examined = tokio::time::timeout(PATIENCE, self.examine()).await;
                let (report, scope) = examined.unwrap_or(Err(ExaminerError::TookTooLong))?;
                let mut conn = pool.acquire().await?;
                doctor::keep_examination(&mut conn, &report, &scope, since).await?;
                checks::examined(&mut conn, since, DAY).await?;
                let wrong = report.wrong();
                info!(wrong, "examined everything but single tenants: {wrong} things are wrong");
            }
        }
        Ok(measure(pool).await?)
    }

    /// Over connections of its own, which a long statement does not take from others.
    async fn examine(&self) -> Result<(doctor::Report, Scope), ExaminerError> {
        let scope = self.scope();
        let pool: PgPool = self
            .pools
            .examining(&self.settings, PATIENCE)
            .map_err(|error| ExaminerError::Connect(Box::new(error)))?;
        let dropped = CancellationToken::new();
        let _stop_on_drop = dropped.clone().drop_guard();
        let runtime = tokio::runtime::Handle::current();
        // Its future stays on the thread where it is made.
        let examined = tokio::task::spawn_blocking(move || {
            runtime.block_on(async move {
                let examined = dropped.run_until_cancelled(doctor::examine(&pool, &scope)).await;
                pool.close().await;
                examined.map(|examined| (examined, scope))
            })
        });
        let examined = examined.await.map_err(ExaminerError::Broken)?;
        let (examined, scope) = examined.ok_or(ExaminerError::TookTooLong)?;
        Ok((examined?, scope))
    }

    fn scope(&self) -> Scope {
        let tenants = &self.settings.tenants;
        let mut scope = Scope::new((*self.parts.newest).clone()).without_tenants();
        match shared_migrations(tenants) {
            Ok(shared) => scope.shared_migrations = shared.map(|shared| shared.set),
            Err(error) => {
                warn!(cause = telemetry::chain(&error), "the shared migrations cannot be read");
            }
        }
        scope.dead_after = Duration::from_millis(self.settings.worker.dead_after_ms);
        scope.connection_limit = tenants.connection_limit;
        scope.application_role = tenants.application_role.clone();
        scope.application_role_limit = tenants.application_role_limit;
        scope.limit = MOST;
        scope.sealer = Some(self.parts.keys.sealer.clone());
        scope
    }
}

async fn measure(pool: &Connections) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    for (kind, open) in findings::count_open(&mut conn, &kinds).await? {
        gauge!(names::FINDINGS_OPEN, label::KIND => kind).set(open as f64);
    }
    let standing = checks::standing(&mut conn).await?;
    for (state, tenants) in [("unhealthy", standing.unhealthy), ("error", standing.unknown)] {
        gauge!(names::TENANTS_UNHEALTHY, label::STATE => state).set(tenants as f64);
    }
    gauge!(names::OLDEST_CHECK_SECONDS).set(standing.oldest_secs as f64);
    Ok(())
}
