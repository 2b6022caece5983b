//! Says that this process lives, and notices when the others no longer believe it.

use std::time::{Duration, Instant};

use keys::Sealer;
use store::{Connections, Fit, Standing, tenants::Place};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// Every how many beats the queue's own connections are asked after.
const QUEUE_LOOK: u32 = 3;

/// What keeps a life known to the others.
#[derive(Debug)]
pub(crate) struct Heart {
    pub(crate) pool: Connections,
    pub(crate) worker: String,
    /// Between two signs of life.
    pub(crate) every: Duration,
    /// Silence after which the others take us for dead.
    pub(crate) dead_after: Duration,
    /// Silence of the queue's connections after which its jobs go to others.
    pub(crate) queue_silence: Duration,
    /// Follows the installation's master key.
    pub(crate) sealer: Sealer,
    /// Told what new tenants are given.
    pub(crate) birth: watch::Sender<Option<Place>>,
}

impl Heart {
    /// Beats until `over`. `lost` is cancelled when this life is to end: it was declared dead (it
    /// was halted for too long, or the database was away), or it could not be heard for as long
    /// as that takes. Its items may be others' by then and every write of its claims is fenced;
    /// connections that went dead without a word never recover, so it needs new ones too.
    ///
    /// `leave` is cancelled when this life is to take no more items, and to finish those it has:
    /// the control schema or the master key is no longer the one it was begun with.
    pub(crate) async fn run(
        self,
        over: CancellationToken,
        lost: CancellationToken,
        leave: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(self.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let (mut beats, mut refused) = (0u32, false);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = over.cancelled() => return,
            }
            beats = beats.wrapping_add(1);
            let id = &self.worker;
            match self.in_time(self.beat(beats.is_multiple_of(QUEUE_LOOK))).await {
                Ok(Pulse::Well) => (heard, refused) = (Instant::now(), false),
                Ok(Pulse::Outdated) => {
                    heard = Instant::now();
                    if !leave.is_cancelled() {
                        warn!(worker.id = %id, "the control schema or the master key changed; \
                            worker {id} takes no more items");
                        leave.cancel();
                    }
                }
                Ok(Pulse::Dead) => {
                    error!(worker.id = %id, "declared dead by the others; starting over");
                    return lost.cancel();
                }
                Ok(Pulse::QueueSilent) => {
                    error!(worker.id = %id, "the queue's connections are dead; starting over");
                    return lost.cancel();
                }
                Err(error) => {
                    let cause = telemetry::chain(&error);
                    if store::is_refused_login(&error) && !refused {
                        refused = true;
                        error!(worker.id = %id, "the database refuses this worker's password: {cause}");
                    } else {
                        warn!(worker.id = %id, cause, "heartbeat failed");
                    }
                }
            }
            if heard.elapsed() > self.dead_after {
                error!(worker.id = %id, "no heartbeat for too long: other workers take over this worker's items; starting over");
                return lost.cancel();
            }
        }
    }

    async fn beat(&self, look_at_queue: bool) -> sqlx::Result<Pulse> {
        let mut conn = self.pool.acquire().await?;
        if !store::workers::beat(&mut conn, &self.worker).await? {
            return Ok(Pulse::Dead);
        }
        if look_at_queue {
            let silence = queue::silence_of(&mut conn, &self.worker).await?;
            if silence.is_some_and(|silence| silence > self.queue_silence) {
                return Ok(Pulse::QueueSilent);
            }
        }
        let Standing { fit, master_key, birth } = store::standing(&mut conn).await?;
        self.birth.send_if_modified(|known| std::mem::replace(known, birth) != *known);
        let follows = master_key.is_some_and(|id| self.sealer.seal_with(&id));
        Ok(if fit == Fit::Fits && follows { Pulse::Well } else { Pulse::Outdated })
    }

    /// A connection that went dead without a word would keep us silent until we count as dead.
    async fn in_time(
        &self,
        beat: impl Future<Output = sqlx::Result<Pulse>>,
    ) -> sqlx::Result<Pulse> {
        tokio::time::timeout(self.every, beat).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }
}

enum Pulse {
    Well,
    Dead,
    QueueSilent,
    /// The schema or the master key is not the one that this life was begun with.
    Outdated,
}
