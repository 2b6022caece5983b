//! Holds an answer until a batch is over.
//!
//! One connection of the process listens for the ends of batches. A ring says that some batch has
//! ended: the process then looks at those it waits for, all in one statement, and tells the requests.
//! A request looks by itself now and then too.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use domain::OperationId;
use futures::StreamExt as _;
use queue::Bell;
use sqlx::PgPool;
use store::Connections;
use store::operations;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    context::Context,
    http::{admission::Place, prefer::Wait, problem::Problem},
    views::Under,
};

/// Between two looks at a batch that nothing was heard of: what a lost notification costs.
const POLL: Duration = Duration::from_millis(250);

/// Which batches are waited for, and which of them just ended.
#[derive(Default)]
pub(crate) struct BatchEvents {
    /// Held by the requests that wait for each.
    waited_for: Mutex<HashMap<OperationId, Weak<Notify>>>,
    fruitful: Arc<Notify>,
}

impl BatchEvents {
    /// Passes on which batches end, until `stop`; always over the newest of `pools`.
    pub(crate) async fn listen(
        &self,
        mut pools: watch::Receiver<Connections>,
        stop: &CancellationToken,
    ) {
        while !stop.is_cancelled() {
            let pool = pools.borrow_and_update().clone();
            let over = stop.child_token();
            let _stop_listening_on_drop = over.clone().drop_guard();
            let own = PgPool::clone(&pool);
            let [mut rings] =
                queue::listen(own, Bell::Ends, Vec::new(), Arc::clone(&self.fruitful), over);
            tokio::select! {
                () = async { while rings.next().await.is_some() { self.look(&pool).await; } } => {}
                Ok(()) = pools.changed() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn look(&self, pool: &Connections) {
        let waited_for: Vec<OperationId> = self.waited_for().keys().copied().collect();
        if waited_for.is_empty() {
            // Nothing was looked at, so the next ring is free.
            self.fruitful.notify_one();
            return;
        }
        let ended =
            async { operations::ended_among(&mut *pool.acquire().await?, &waited_for).await };
        match ended.await {
            Ok(ended) if ended.is_empty() => {}
            Ok(ended) => {
                self.fruitful.notify_one();
                let requests = self.waited_for();
                let ended = ended.iter().filter_map(|batch| requests.get(batch)?.upgrade());
                ended.for_each(|requests| requests.notify_waiters());
            }
            Err(error) => {
                let error = telemetry::chain(&error);
                warn!(error, "could not look which batches have ended: {error}");
            }
        }
    }

    /// Told when `batch` ends, as long as it is kept.
    fn wait_for(&self, batch: OperationId) -> Arc<Notify> {
        let mut waited_for = self.waited_for();
        if let Some(ended) = waited_for.get(&batch).and_then(Weak::upgrade) {
            return ended;
        }
        let ended = Arc::default();
        waited_for.insert(batch, Arc::downgrade(&ended));
        ended
    }

    /// The batches that a request waits for.
    fn waited_for(&self) -> std::sync::MutexGuard<'_, HashMap<OperationId, Weak<Notify>>> {
        // Nothing that can panic is done while it is held.
        let mut waited_for = self.waited_for.lock().unwrap_or_else(PoisonError::into_inner);
        waited_for.retain(|_, requests| requests.strong_count() > 0);
        waited_for
    }
}

/// What a call that is answered with 202 has while it is held: its place, and its wait.
pub(crate) struct Held {
    place: Place,
    pub(crate) wait: Wait,
}

impl Held {
    /// 200 if `operation` is over within the wait that was asked for; else 202.
    ///
    /// # Errors
    /// When the operation cannot be read, or is not there.
    pub(crate) async fn status(
        &self,
        cx: &Context,
        operation: OperationId,
    ) -> Result<StatusCode, Problem> {
        match self.wait.duration().is_some() && self.finished(cx, operation).await? {
            true => Ok(StatusCode::OK),
            false => Ok(StatusCode::ACCEPTED),
        }
    }

    /// Whether `operation` is over within the wait that was asked for; without one, whether it is over now.
    /// False too when the process is told to end. The call gives its place up while it waits.
    ///
    /// # Errors
    /// When the operation cannot be read, or is not there.
    pub(crate) async fn finished(
        &self,
        cx: &Context,
        operation: OperationId,
    ) -> Result<bool, Problem> {
        match self.wait.duration() {
            None => is_finished(cx, operation).await,
            Some(at_most) => self.place.without(finished_within(cx, operation, at_most)).await,
        }
    }

    /// `answer`, which says what was honoured of the wait.
    pub(crate) fn told(&self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        self.wait.apply_to(response.headers_mut());
        response
    }
}

impl FromRequestParts<Context> for Held {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, cx: &Context) -> Result<Self, Problem> {
        let place = Place::from_request_parts(parts, cx).await?;
        let Ok(wait) = Wait::from_request_parts(parts, cx).await;
        Ok(Self { place, wait })
    }
}

async fn is_finished(cx: &Context, batch: OperationId) -> Result<bool, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let finished = operations::is_finished(&mut conn, batch).await?;
    finished.ok_or_else(|| Under::Batches.not_found(batch))
}

async fn finished_within(
    cx: &Context,
    batch: OperationId,
    at_most: Duration,
) -> Result<bool, Problem> {
    let ended = cx.events.wait_for(batch);
    let deadline = Instant::now() + at_most;
    loop {
        // Before the look: what ends in between is not missed.
        let mut ending = pin!(ended.notified());
        ending.as_mut().enable();
        if is_finished(cx, batch).await? {
            return Ok(true);
        }
        if Instant::now() >= deadline || cx.stop.is_cancelled() {
            return Ok(false);
        }
        tokio::select! {
            // told of batches that have ended only
            () = ending => return Ok(true),
            () = sleep(POLL) => {}
            () = sleep_until(deadline) => {}
            () = cx.stop.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_that_names_no_batch_tells_the_requests_whose_batches_have_ended() {
        let db = harness::fresh_db().await;
        let (stop, ended, open) =
            (CancellationToken::new(), OperationId::mint(), OperationId::mint());
        for (batch, finished) in [(ended, true), (open, false)] {
            sqlx::query(
                "insert into tenantry.operations (id, state, mode, total, finished_at)
                 values ($1, 'running', 'independent', 1, case when $2 then now() end)",
            )
            .bind(batch.get())
            .bind(finished)
            .execute(&db.pool)
            .await
            .unwrap();
        }
        let events = BatchEvents::default();
        let (ended, open) = (events.wait_for(ended), events.wait_for(open));
        let pools = watch::Sender::new(Connections::from(db.pool.clone()));
        let ringing = async {
            // Again and again: there is no telling when the listener has begun to listen.
            loop {
                queue::ring(&db.pool.clone().into(), Bell::Ends).await;
            }
        };

        tokio::select! {
            () = ended.notified() => {}
            () = open.notified() => panic!("it has not ended"),
            () = events.listen(pools.subscribe(), &stop) => panic!("it was not told to stop"),
            () = ringing => {}
        }
    }

    #[test]
    fn a_batch_is_waited_for_until_its_last_request_is_answered() {
        let events = BatchEvents::default();
        let batch = OperationId::mint();
        let known = || events.waited_for().contains_key(&batch);

        let (first, second) = (events.wait_for(batch), events.wait_for(batch));
        drop(first);
        let while_one_waits = known();
        drop(second);

        assert!(while_one_waits && !known());
    }
}
