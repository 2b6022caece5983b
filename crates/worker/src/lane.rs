//! One lane of work: takes items, as many as one transaction may make, and sees them through.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{ItemId, Kind};
use engine::crash_point;
use futures::FutureExt;
use metrics::{counter, histogram};
use operations::{Ended, Executor};
use queue::{Class, Handled};
use store::items::Claim;
use telemetry::names;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::{
    inbox::{FleetPlace, Inbox, Taken, Waiting},
    outcome::{self, About},
    settler::Settler,
};

/// Between two tries of a lane while the database refuses a right.
const REST_WHILE_REFUSED: Duration = Duration::from_secs(5);

/// A lane that works on tenants that are there for longer than this no longer keeps others from it: a few transactions
/// of quick ones take less.
const LONG: Duration = Duration::from_secs(1);

/// What the lanes of a process share.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) executor: Executor,
    pub(crate) settler: Settler,
    pub(crate) patience: Patience,
    /// Cleared when there is work: what is put off to later is looked for soon.
    pub(crate) quiet: Arc<AtomicBool>,
}

/// Work is given up after this long: a connection that went dead without a word would hold it for ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// On tenants that are made.
    pub(crate) new_tenants: Duration,
    /// On a tenant that is there.
    pub(crate) fleet: Duration,
}

impl Patience {
    fn with(self, kind: Kind) -> Duration {
        if kind.makes_tenants() { self.new_tenants } else { self.fleet }
    }
}

/// Claimed items could not be taken on.
#[derive(Debug, thiserror::Error)]
enum LaneError {
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    #[error("the work took too long and was given up")]
    TookTooLong,
}

type Replies = HashMap<ItemId, oneshot::Sender<Handled>>;

impl Lane {
    /// Takes items until the inbox is closed.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if self.executor.is_refused() {
                tokio::time::sleep(REST_WHILE_REFUSED).await;
            }
            let room = |class| match class {
                Class::NewTenants => self.executor.room(),
                Class::Interrupts | Class::Fleet => self.executor.room_for_fleet(),
            };
            let lanes = || self.executor.lanes_for_fleet();
            let Some(taken) = self.inbox.take(room, lanes).await else { return };
            let Taken { waiting, mut place } = taken;
            let mut work = pin!(self.serve(waiting));
            if tokio::time::timeout(LONG, &mut work).await.is_err() {
                place.as_mut().into_iter().for_each(FleetPlace::step_aside);
                work.await;
            }
        }
    }

    async fn serve(&self, waiting: Vec<Waiting>) {
        let items: Vec<ItemId> = waiting.iter().map(|waiting| waiting.item).collect();
        let mut replies: Replies =
            waiting.into_iter().map(|waiting| (waiting.item, waiting.reply)).collect();
        let work = AssertUnwindSafe(self.work(&items, &mut replies)).catch_unwind().await;
        match work {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause = telemetry::chain(&error);
                warn!(%cause, "could not take on {} items", replies.len());
            }
            Err(_) => error!("the work on {} items panicked", replies.len()),
        }
        for (_, reply) in replies {
            // Nobody may be waiting any more: its queue gave the job up.
            let _ = reply.send(Handled::Again);
        }
    }

    /// Works on `items` as far as they go; an item whose outcome is recorded leaves `replies`.
    async fn work(&self, items: &[ItemId], replies: &mut Replies) -> Result<(), LaneError> {
        let started = Instant::now();
        let patience = self.patience.new_tenants;
        let claims = in_time(patience, self.executor.claim(items)).await??;
        for item in items.iter().filter(|item| claims.iter().all(|claim| claim.item != **item)) {
            // Final already, or another live worker's.
            tell(replies, *item, Handled::Done);
        }
        if claims.is_empty() {
            return Ok(());
        }
        self.quiet.store(false, Ordering::Relaxed);
        crash_point("after", "claim");
        claims.iter().for_each(note_claim);
        let about: HashMap<ItemId, About> =
            claims.iter().map(|claim| (claim.item, About::of(claim, started))).collect();
        let sorted = in_time(patience, self.executor.work_together(claims)).await?;
        for (item, ended) in sorted.done {
            self.close(&about[&item], ended, replies);
        }
        for claim in sorted.left {
            let item = claim.item;
            let patience = self.patience.with(claim.kind);
            match in_time(patience, self.executor.work(claim)).await {
                Ok(ended) => self.close(&about[&item], ended, replies),
                Err(error) => {
                    let cause = telemetry::chain(&error);
                    warn!(item.id = %item, cause, "gave item {item} up for now");
                }
            }
        }
        Ok(())
    }

    fn close(&self, about: &About, ended: sqlx::Result<Ended>, replies: &mut Replies) {
        match ended {
            Ok(ended) => {
                outcome::tell(about, &ended);
                // One that is no longer ours may have ended: the answer to its COMMIT was lost.
                if !matches!(ended, Ended::Again { .. }) {
                    self.settler.mark(about);
                }
                tell(replies, about.item, Handled::Done);
            }
            Err(error) => {
                let (item, cause) = (about.item, telemetry::chain(&error));
                warn!(item.id = %item, %cause, "could not record the outcome of item {item}");
                tell(replies, item, Handled::Again);
            }
        }
    }
}

async fn in_time<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, LaneError> {
    tokio::time::timeout(patience, work).await.map_err(|_| LaneError::TookTooLong)
}

fn tell(replies: &mut Replies, item: ItemId, handled: Handled) {
    if let Some(reply) = replies.remove(&item) {
        // Nobody may be waiting any more: its queue gave the job up.
        let _ = reply.send(handled);
    }
}

fn note_claim(claim: &Claim) {
    if let Some(waited) = claim.waited {
        histogram!(names::ITEM_WAIT_SECONDS).record(waited.as_secs_f64());
    }
    if claim.taken_over {
        counter!(names::TAKEOVERS_TOTAL).increment(1);
        info!(item.id = %claim.item, item.attempt = claim.attempt,
            "took item {} over from a worker that died", claim.item);
    }
}
