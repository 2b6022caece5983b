//! Looks at tenants: those that a caller asks for at once, and all others by and by, each within
//! `checks.every_days`.
//!
//! All workers together keep one pace, a row of the control database: a long stop makes no storm,
//! and two workers never look at the same tenant. A look has a connection of its own and holds
//! nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doctor::{References, TenantCheck, TenantReport};
use domain::TenantHealth;
use metrics::counter;
use operations::Parts;
use sqlx::{Connection as _, PgConnection};
use store::{
    Connections,
    checks::{self, Taken},
};
use telemetry::names::{self, label};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::in_progress::InProgress;

/// Between two looks for what callers ask, when no ring came.
const POLL: Duration = Duration::from_secs(5);

/// After a ring and before the next one is heard: any role may ring, and each costs a statement.
const REST: Duration = Duration::from_millis(50);

/// Longest time for one tenant: a few statements of 30 s each at worst.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many times slower tenants are looked at while this worker has work.
const YIELD_FACTOR: u32 = 5;

/// Tenants after which the connection is replaced: a backend's caches grow with every schema it
/// touches.
const CONNECTION_USES: usize = 200;

/// How long a look that a caller asked for is good, where nothing is looked at by schedule.
const UNSCHEDULED: Duration = Duration::from_secs(7 * 86_400);

#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) pool: Connections,
    pub(crate) parts: Arc<Parts>,
    pub(crate) references: References,
    pub(crate) settings: settings::Checks,
    pub(crate) in_progress: InProgress,
    /// Told when a caller asks.
    pub(crate) asked: Arc<Notify>,
}

impl Checker {
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let wait = match stop.run_until_cancelled(self.round()).await {
                None => return,
                Some(Ok(wait)) => wait,
                Some(Err(error)) => {
                    let cause = telemetry::chain(&error);
                    warn!(cause, "could not look at tenants; trying again later");
                    POLL
                }
            };
            tokio::select! {
                () = self.asked.notified() => tokio::time::sleep(REST).await,
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Looks at all that is asked for or due now; returns how long to wait.
    async fn round(&self) -> sqlx::Result<Duration> {
        let mut own: Option<(PgConnection, usize)> = None;
        loop {
            let waiting = checks::waiting(&mut *self.pool.acquire().await?).await?;
            let due_in = waiting.due_in.filter(|_| self.settings.every_days > 0);
            if !waiting.is_asked && due_in != Some(Duration::ZERO) {
                if let Some((conn, _)) = own {
                    conn.close().await?;
                }
                return Ok(due_in.map_or(POLL, |due| due.min(POLL)));
            }
            let (mut conn, uses) = match own.take() {
                Some((conn, uses)) if uses < CONNECTION_USES => (conn, uses),
                _ => (doctor::connect(&self.pool).await?, 0),
            };
            match self.take(&mut conn, waiting.is_asked).await? {
                Some(taken) => {
                    let look = self.look(&mut conn, taken);
                    let timed_out = || Err(sqlx::Error::PoolTimedOut);
                    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| timed_out())?;
                }
                // Another worker was faster.
                None => tokio::time::sleep(REST).await,
            }
            own = Some((conn, uses + 1));
        }
    }

    async fn take(&self, conn: &mut PgConnection, is_asked: bool) -> sqlx::Result<Option<Taken>> {
        if is_asked {
            return checks::take_asked(conn).await;
        }
        let gap = Duration::from_secs(1) / self.settings.per_second;
        let yields = self.in_progress.idle_for().is_none();
        checks::take_due(conn, gap * if yields { YIELD_FACTOR } else { 1 }).await
    }

    async fn look(&self, conn: &mut PgConnection, taken: Taken) -> sqlx::Result<()> {
        let began = Instant::now();
        let check = TenantCheck {
            installation: &self.parts.installation,
            migrations: &self.parts.newest,
            references: &self.references,
            application_role: self.parts.application_role(),
        };
        let Some(report) = check.look(conn, taken.tenant).await? else {
            return checks::forget(conn, taken.tenant).await;
        };
        doctor::keep_tenant(conn, taken, &report, self.period()).await?;
        counter!(names::CHECKS_TOTAL, label::STATE => report.health.as_str()).increment(1);
        tell(taken, &report, began.elapsed());
        Ok(())
    }

    fn period(&self) -> Duration {
        period(self.settings).unwrap_or(UNSCHEDULED)
    }
}

/// The time within which each tenant is looked at; `None` if none is by schedule.
pub(crate) fn period(settings: settings::Checks) -> Option<Duration> {
    let days = u64::from(settings.every_days);
    (days > 0).then(|| Duration::from_secs(days * 86_400))
}

/// Says what is wrong by its codes alone: sentences may name what is the tenant's.
fn tell(taken: Taken, report: &TenantReport, took: Duration) {
    let tenant = taken.tenant;
    let codes: Vec<_> = report.findings.iter().map(|it| it.kind.as_str()).collect();
    let (codes, duration_ms) = (codes.join(", "), took.as_millis());
    if report.health == TenantHealth::Healthy {
        tracing::debug!(tenant.id = %tenant, duration_ms, "tenant {tenant} is healthy");
    } else {
        info!(tenant.id = %tenant, duration_ms, "tenant {tenant} is not healthy: {codes}");
    }
}
