//! Mends what a crash, a lost message or a lost connection left behind.
//!
//! Every worker sweeps; every statement is safe when several do it at once.

mod reaper;
mod retention;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::InstallationId;
use engine::control;
use metrics::gauge;
use store::{Connections, audit::By};
use telemetry::names;
use tenantdb::Hoard;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{in_progress::InProgress, settler::Settler};

/// The slow round comes this often, in seconds.
const SLOW_ROUND_SECS: u64 = 60;

/// An item that has waited this long without a live job gets a new one, in seconds.
const STRANDED_AFTER_SECS: u64 = 30;

/// The gauge of waiting items counts no further than this, so that a look at it stays cheap.
const WAITING_CAP: i32 = 10_000;

/// Longest time for a round.
const SWEEP_PATIENCE: Duration = Duration::from_secs(60);

/// Finished jobs forgotten in one slow round, at most.
const PRUNE_LIMIT: i64 = 20_000;

#[derive(Debug, Clone)]
pub(crate) struct Sweeper {
    pub(crate) pool: Connections,
    pub(crate) worker: String,
    pub(crate) dead_after: Duration,
    pub(crate) every: Duration,
    pub(crate) retain_jobs: Duration,
    pub(crate) retention: settings::Retention,
    pub(crate) deletion: settings::Deletion,
    pub(crate) in_progress: InProgress,
    pub(crate) settler: Settler,
    /// Set while no operation is open.
    pub(crate) quiet: Arc<AtomicBool>,
    /// By which tenants' roles are known.
    pub(crate) installation: InstallationId,
}

impl Sweeper {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(self.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let slow_every = (Duration::from_secs(SLOW_ROUND_SECS).as_millis()
            / self.every.as_millis().max(1))
        .max(1);
        let mut round = 0u128;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = in_time(self.quick_round()).await {
                let cause = telemetry::chain(&error);
                warn!(%cause, "a sweep failed; the next one tries again");
            }
            if round.is_multiple_of(slow_every)
                && let Err(error) = in_time(self.slow_round()).await
            {
                let cause = telemetry::chain(&error);
                warn!(%cause, "a slow sweep failed; the next one tries again");
            }
            round += 1;
        }
    }

    async fn quick_round(&self) -> Result<(), SweepError> {
        let attention = store::attention(&mut *self.pool.acquire().await?, self.dead_after).await?;
        self.quiet.store(!attention.open_batches, Ordering::Relaxed);
        if attention.locks_are_scarce {
            self.end_hoards().await?;
        }
        if attention.silent_workers {
            control::free_the_dead(&self.pool, self.dead_after).await?;
        }
        if attention.owned_items {
            let in_progress = |item| self.in_progress.has(item);
            control::give_back_forgotten(&self.pool, &self.worker, in_progress).await?;
        }
        if attention.suspensions_over {
            control::resume_due(&self.pool, By::process("sweeper")).await?;
        }
        if attention.births_to_follow {
            let settled = self.dead_after * 2;
            control::catch_up(&self.pool, By::process("sweeper"), settled).await?;
        }
        if attention.names_over {
            reaper::free_names(&mut *self.pool.acquire().await?).await?;
        }
        if attention.purges_due {
            reaper::reap(&self.pool, self.deletion).await?;
        }
        if !attention.open_batches {
            return Ok(());
        }
        control::start_due(&self.pool, By::process("sweeper")).await?;
        let mut conn = self.pool.acquire().await?;
        for operation in store::operations::overdue(&mut conn).await? {
            store::operations::cancel_overdue(&mut conn, operation).await?;
        }
        let mut unsettled = store::operations::unsettled(&mut conn).await?;
        unsettled.extend(store::rollouts::due(&mut conn).await?);
        drop(conn);
        self.settler.see_to(unsettled.into_iter().map(|operation| (operation, None))).await;
        Ok(())
    }

    /// While one tenant holds the server's locks, nobody else's statements succeed.
    async fn end_hoards(&self) -> Result<(), SweepError> {
        let mut conn = self.pool.acquire().await?;
        for Hoard { role, pid, locks, ended } in
            tenantdb::end_hoards(&mut conn, &self.installation).await?
        {
            if ended {
                warn!(
                    "ended a session of role {role} (pid {pid}): it held {locks} locks, and tenants \
                     held more than half of the server's"
                );
            } else {
                error!(
                    "a session of role {role} (pid {pid}) holds {locks} locks, and tenants hold more \
                     than half of the server's; this worker's database user may not end it: `grant \
                     pg_signal_backend` to it, or end it as a superuser"
                );
            }
        }
        Ok(())
    }

    async fn slow_round(&self) -> Result<(), SweepError> {
        control::revive_stranded(&self.pool, Duration::from_secs(STRANDED_AFTER_SECS)).await?;
        let mut conn = self.pool.acquire().await?;
        store::api_keys::erase_expired(&mut conn).await?;
        let waiting = store::items::count_waiting(&mut conn, WAITING_CAP).await?;
        gauge!(names::QUEUE_WAITING).set(f64::from(waiting));
        queue::prune(&mut conn, self.retain_jobs, PRUNE_LIMIT).await?;
        if self.deletion.reaper == settings::Reaper::DryRun {
            reaper::tell(&mut conn).await?;
        }
        drop(conn);
        if self.deletion.reaper == settings::Reaper::On {
            reaper::try_again(&self.pool).await?;
        }
        retention::prune(&self.pool, self.retention).await
    }
}

/// A sweep that hangs on a dead connection is given up, and the connection with it.
async fn in_time(sweep: impl Future<Output = Result<(), SweepError>>) -> Result<(), SweepError> {
    tokio::time::timeout(SWEEP_PATIENCE, sweep).await.unwrap_or(Err(SweepError::TookTooLong))
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error("it took too long and was given up")]
    TookTooLong,
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    #[error("what is due could not be set going")]
    Due(#[from] control::ControlError),
}
