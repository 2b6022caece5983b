//! Holds an answer until a batch is over.
//!
//! One connection of the process listens for finished batches and tells every waiting request.
//! The notification is a hint: a look at the row decides, and is taken now and then without one.

use std::time::Duration;

use domain::BatchId;
use sqlx::{PgPool, postgres::PgListener};
use store::batches::{self, FINISHED_CHANNEL};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{admission::Place, context::Context, problem::Problem};

/// Between two looks at a batch that nothing was heard of: what a lost notification costs.
const POLL: Duration = Duration::from_millis(250);

/// Before the next try to listen.
const RECONNECT: Duration = Duration::from_secs(1);

/// Notifications kept for a slow reader. One that missed some looks at its batch instead.
const BUFFERED: usize = 1024;

/// Which batches just finished.
pub(crate) struct BatchEvents(broadcast::Sender<BatchId>);

impl Default for BatchEvents {
    fn default() -> Self {
        Self(broadcast::Sender::new(BUFFERED))
    }
}

impl BatchEvents {
    /// Passes on what the database announces, until `stop`; always over the newest of `pools`.
    pub(crate) async fn listen(
        &self,
        mut pools: watch::Receiver<PgPool>,
        stop: &CancellationToken,
    ) {
        let listening = async {
            loop {
                let pool = pools.borrow_and_update().clone();
                tokio::select! {
                    Err(error) = self.pass_on(&pool) => {
                        let error = telemetry::chain(&error);
                        warn!(error, "not listening for finished batches, trying again: {error}");
                        sleep(RECONNECT).await;
                    }
                    Ok(()) = pools.changed() => {}
                }
            }
        };
        stop.run_until_cancelled(listening).await;
    }

    async fn pass_on(&self, pool: &PgPool) -> sqlx::Result<std::convert::Infallible> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(FINISHED_CHANNEL).await?;
        loop {
            let notification = listener.recv().await?;
            if let Ok(batch) = notification.payload().parse() {
                // An error says that nobody waits.
                self.0.send(batch).ok();
            }
        }
    }
}

/// Whether the batch is over within `at_most`. False too when the process is told to end. The call
/// gives its `place` up while it waits.
///
/// # Errors
/// When the batch cannot be read, or is not there.
pub(crate) async fn until_finished(
    cx: &Context,
    place: &Place,
    batch: BatchId,
    at_most: Duration,
) -> Result<bool, Problem> {
    if at_most.is_zero() {
        return is_finished(cx, batch).await;
    }
    place.without(finished_within(cx, batch, at_most)).await
}

async fn is_finished(cx: &Context, batch: BatchId) -> Result<bool, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let finished = batches::is_finished(&mut conn, batch).await?;
    finished.ok_or_else(|| Problem::batch_not_found(batch))
}

async fn finished_within(cx: &Context, batch: BatchId, at_most: Duration) -> Result<bool, Problem> {
    // Before the first look: what is announced in between is not missed.
    let mut events = cx.events().0.subscribe();
    let deadline = Instant::now() + at_most;
    loop {
        if is_finished(cx, batch).await? {
            return Ok(true);
        }
        if Instant::now() >= deadline || cx.stop().is_cancelled() {
            return Ok(false);
        }
        tokio::select! {
            () = heard_of(&mut events, batch) => {}
            () = sleep(POLL) => {}
            () = sleep_until(deadline) => {}
            () = cx.stop().cancelled() => {}
        }
    }
}

/// Returns when `batch` is announced, or when announcements were missed.
async fn heard_of(events: &mut broadcast::Receiver<BatchId>, batch: BatchId) {
    loop {
        match events.recv().await {
            Ok(other) if other != batch => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passes_on_what_the_database_announces() {
        let db = harness::fresh_db().await;
        let (stop, batch) = (CancellationToken::new(), BatchId::mint());
        let events = BatchEvents::default();
        let mut heard = events.0.subscribe();
        let announcing = async {
            // Again and again: there is no telling when the listener has begun to listen.
            loop {
                sqlx::query("select pg_notify($1, $2)")
                    .bind(FINISHED_CHANNEL)
                    .bind(batch.to_string())
                    .execute(&db.pool)
                    .await
                    .unwrap();
            }
        };

        tokio::select! {
            () = heard_of(&mut heard, batch) => {}
            () = events.listen(watch::Sender::new(db.pool.clone()).subscribe(), &stop) => panic!("nobody told it to stop"),
            () = announcing => {}
        }
    }

    #[tokio::test]
    async fn hears_of_a_batch_that_was_announced_among_too_many_others() {
        let events = BatchEvents::default();
        let mut slow = events.0.subscribe();
        for _ in 0..=BUFFERED {
            events.0.send(BatchId::mint()).unwrap();
        }

        heard_of(&mut slow, BatchId::mint()).await;
    }
}
