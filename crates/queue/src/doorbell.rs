//! Tells idle workers that there is work: the hint beside the poll, which is the truth.
//!
//! One NOTIFY for each transaction that enqueues, whatever the number of jobs, since NOTIFY
//! takes a lock of the whole cluster at commit. The queue's own listener is not used: it takes
//! one notification for each poll, so a burst leaves it far behind.

use std::time::Duration;

use futures::channel::mpsc;
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

const CHANNEL: &str = "tenantry_jobs";

/// Longest wait between two tries to listen again, in seconds.
const MAX_WAIT_SECS: u64 = 10;

/// Announces jobs; delivered when the caller's transaction commits.
pub(crate) async fn ring(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(conn).await?;
    Ok(())
}

/// Listens until `stop`; each burst of rings arrives as one item. Uses one connection of `pool`.
pub(crate) fn listen(pool: PgPool, stop: CancellationToken) -> mpsc::Receiver<()> {
    // Capacity for one ring beside the sender's own slot: more would say nothing new.
    let (sender, receiver) = mpsc::channel(0);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = listen_for_ever(pool, sender) => {}
        }
    });
    receiver
}

async fn listen_for_ever(pool: PgPool, mut rings: mpsc::Sender<()>) {
    let mut wait = Duration::from_millis(250);
    while !rings.is_closed() {
        match PgListener::connect_with(&pool).await {
            Ok(mut listener) => {
                if let Err(error) = forward(&mut listener, &mut rings).await {
                    warn!(%error, "lost the line that announces jobs; polling goes on");
                } else {
                    wait = Duration::from_millis(250);
                }
            }
            Err(error) => warn!(%error, "cannot listen for jobs; polling goes on"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(MAX_WAIT_SECS));
    }
}

async fn forward(listener: &mut PgListener, rings: &mut mpsc::Sender<()>) -> sqlx::Result<()> {
    listener.listen(CHANNEL).await?;
    // What was enqueued before we listened is found by this first ring.
    loop {
        if rings.try_send(()).is_err_and(|e| e.is_disconnected()) {
            return Ok(());
        }
        // `None`: the connection was lost and made anew, rings may have been missed; ring once.
        if listener.try_recv().await?.is_none() {
            debug!("the line that announces jobs was made anew");
        }
    }
}
