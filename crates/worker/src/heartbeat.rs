//! Says that this process lives, and notices when the others no longer believe it.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// Beats every `every` until `stop`. When the process has been declared dead meanwhile (it was
/// stopped for too long, or the database was away), `lost` is cancelled: its items may be others'
/// by now, every write of its claims is fenced, and it must go on under a new id.
pub(crate) async fn run(
    pool: PgPool,
    worker: String,
    every: Duration,
    stop: CancellationToken,
    lost: CancellationToken,
) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        let beat = async { store::workers::beat(&mut *pool.acquire().await?, &worker).await };
        // A connection that went dead without a word would keep us silent until we count as dead.
        let beat = match tokio::time::timeout(every, beat).await {
            Ok(beat) => beat,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        };
        match beat {
            Ok(true) => {}
            Ok(false) => {
                error!(worker.id = %worker, "declared dead by the others; starting over");
                lost.cancel();
                return;
            }
            Err(error) => warn!(worker.id = %worker, %error, "could not say that we live"),
        }
    }
}
