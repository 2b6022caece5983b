//! Keeps the pool of spares: builds them while this worker has nothing else to do, drops those that
//! nobody is to get, and says how many there are.

use std::{sync::Arc, time::Duration};

use metrics::{counter, gauge};
use operations::{Plans, PoolView, SpareBuilder, SpareError};
use store::spares::SpareCount;
use telemetry::names;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::in_progress::InProgress;

/// Idle time after which a worker builds spares.
const PAUSE: Duration = Duration::from_secs(2);

/// A pool at its target is looked at this many times less often.
const QUIET_FACTOR: u32 = 5;

/// Longest time for one look and what comes of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A count this long after some were taken sees them gone; and whoever took them may want more.
const SETTLES_IN: Duration = Duration::from_millis(200);

/// Spares built in one transaction, at most: work that comes meanwhile shares the server with it.
pub(crate) const AT_ONCE: usize = 8;

#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) builder: SpareBuilder,
    /// By which tenants are made: spares too.
    pub(crate) plans: watch::Receiver<Arc<Plans>>,
    pub(crate) view: Arc<PoolView>,
    pub(crate) in_progress: InProgress,
    /// Spares that there are to be.
    pub(crate) size: usize,
    /// The same, where the migrations allow any.
    pub(crate) wanted: usize,
    pub(crate) per_second: u32,
    pub(crate) group: usize,
    /// Between two looks, when nothing changes.
    pub(crate) every: Duration,
}

/// How the pool was left.
#[derive(Debug, Clone, Copy)]
enum Pool {
    /// At its target, without stale spares.
    AsItShould,
    /// Not at its target, or not known to be.
    Otherwise,
}

impl Keeper {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        gauge!(names::POOL_SIZE).set(self.size as f64);
        self.plans.mark_changed();
        while !stop.is_cancelled() {
            if self.plans.has_changed().unwrap_or_default() {
                self.go_by_the_plans();
            }
            let kept = tokio::time::timeout(PATIENCE, self.keep(&stop)).await;
            let looks = match kept {
                Ok(Ok(Pool::AsItShould)) => QUIET_FACTOR,
                Ok(Ok(Pool::Otherwise)) => 1,
                Ok(Err(error)) => {
                    let cause = telemetry::chain(&error);
                    warn!(%cause, "could not keep the pool of spares; trying again later");
                    1
                }
                Err(_) => {
                    debug!("keeping the pool goes on after another look");
                    1
                }
            };
            tokio::select! {
                () = tokio::time::sleep(self.every * looks) => {}
                () = self.view.changed() => tokio::time::sleep(SETTLES_IN).await,
                () = stop.cancelled() => {}
            }
        }
    }

    fn go_by_the_plans(&mut self) {
        let parts = Arc::clone(self.plans.borrow_and_update().parts());
        self.builder = self.builder.clone().made_of(parts);
        let hindered = self.builder.may_not_build().filter(|_| self.size > 0);
        if let Some(reason) = hindered {
            warn!("{reason}: no tenants are built in advance");
        }
        self.wanted = if hindered.is_some() { 0 } else { self.size };
    }

    /// Drops what is not wanted and builds what is missing, as long as it is time to.
    async fn keep(&self, stop: &CancellationToken) -> Result<Pool, SpareError> {
        if self.view.take_doubt() {
            self.dropped(self.builder.weed_out().await?);
        }
        while !(stop.is_cancelled() || self.plans.has_changed().unwrap_or_default()) {
            if self.in_progress.idle_for().is_none() && self.view.ready() > 0 {
                // What is counted on would be counted again.
                break;
            }
            let count = self.look().await?;
            let ready = usize::try_from(count.ready).unwrap_or(usize::MAX);
            if ready == self.wanted && count.other == 0 {
                return Ok(Pool::AsItShould);
            }
            if !self.is_time(ready) {
                break;
            }
            let unwanted = count.other > 0 || ready > self.wanted;
            if unwanted && self.builder.drop_one(self.wanted).await? {
                self.dropped(1);
                continue;
            }
            if ready >= self.wanted {
                break;
            }
            let built = self.builder.build(self.group, self.wanted).await?;
            if built == 0 {
                break;
            }
            self.view.note_ready(ready + built);
            counter!(names::POOL_BUILT_TOTAL).increment(built as u64);
            let pace = Duration::from_secs_f64(built as f64 / f64::from(self.per_second));
            tokio::select! {
                () = tokio::time::sleep(pace) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(Pool::Otherwise)
    }

    /// Whether to build or drop anything now: not while there is work, and as long as half of the
    /// spares are left not between two pieces of it either.
    fn is_time(&self, ready: usize) -> bool {
        let pause = if ready * 2 < self.wanted { Duration::ZERO } else { PAUSE };
        self.in_progress.idle_for().is_some_and(|idle| idle >= pause)
    }

    /// Counts the spares, and tells.
    async fn look(&self) -> sqlx::Result<SpareCount> {
        let count = self.builder.count().await?;
        let ready = usize::try_from(count.ready).unwrap_or(usize::MAX);
        self.view.note_ready(if self.wanted == 0 { 0 } else { ready });
        gauge!(names::POOL_SPARES, names::label::STATE => "ready").set(count.ready as f64);
        gauge!(names::POOL_SPARES, names::label::STATE => "stale").set(count.other as f64);
        Ok(count)
    }

    fn dropped(&self, spares: usize) {
        counter!(names::POOL_DROPPED_TOTAL).increment(spares as u64);
    }
}
