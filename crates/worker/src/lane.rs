//! One lane of work: takes items, as many as one transaction may make, and sees them through.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domain::ItemId;
use engine::crash_point;
use futures::FutureExt;
use metrics::{counter, histogram};
use operations::{Provisioner, Verdict};
use queue::Handled;
use store::items::Claim;
use telemetry::names;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::{
    activity::Activity,
    inbox::{Inbox, Waiting},
    outcome::{About, Outcomes, RecordError},
};

/// Between two tries of a lane while the database refuses a right.
const REST_WHILE_REFUSED: Duration = Duration::from_secs(5);

/// What the lanes of a process share.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) provisioner: Provisioner,
    pub(crate) outcomes: Outcomes,
    pub(crate) activity: Arc<Activity>,
    /// Work is given up after this long: a connection that went dead without a word would hold it
    /// for ever.
    pub(crate) patience: Duration,
    /// Cleared when there is work: what is put off to later is looked for soon.
    pub(crate) quiet: Arc<AtomicBool>,
    /// Set while the database refuses this worker a right.
    pub(crate) refused: AtomicBool,
}

type Replies = HashMap<ItemId, oneshot::Sender<Handled>>;

impl Lane {
    /// Takes items until the inbox is closed.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if self.refused.load(Ordering::Relaxed) {
                tokio::time::sleep(REST_WHILE_REFUSED).await;
            }
            let Some(waiting) = self.inbox.take(|| self.provisioner.room()).await else { return };
            let items = waiting.len();
            self.activity.begin(items);
            self.serve(waiting).await;
            if self.activity.end(items) {
                self.outcomes.settler.hurry();
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
    async fn work(&self, items: &[ItemId], replies: &mut Replies) -> Result<(), RecordError> {
        let started = Instant::now();
        let claims = self.in_time(self.provisioner.claim(items)).await??;
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
        let sorted = self.in_time(self.provisioner.provision_together(claims)).await?;
        for (item, verdict) in sorted.done {
            self.close(&about[&item], verdict, replies).await;
        }
        for claim in sorted.left {
            let item = claim.item;
            let verdict = self.in_time(self.provisioner.provision(claim)).await;
            match verdict {
                Ok(verdict) => self.close(&about[&item], verdict, replies).await,
                Err(error) => {
                    let cause = telemetry::chain(&error);
                    warn!(item.id = %item, cause, "gave item {item} up for now");
                }
            }
        }
        Ok(())
    }

    /// Says once that the database refuses a right, and once that it no longer does.
    fn note_refusal(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Retry { reason, .. }
                if !reason.spent && !self.refused.swap(true, Ordering::Relaxed) =>
            {
                let cause = &reason.chain;
                error!(
                    "the database refuses a right that Tenantry needs: {cause}; tenants wait \
                     until it is given back (`tenantry migrate public up`, `tenantry doctor`)"
                );
            }
            Verdict::Finished(..) if self.refused.swap(false, Ordering::Relaxed) => {
                info!("the database no longer refuses a right; the work goes on");
            }
            _ => {}
        }
    }

    async fn close(&self, about: &About, verdict: sqlx::Result<Verdict>, replies: &mut Replies) {
        if let Ok(verdict) = &verdict {
            self.note_refusal(verdict);
        }
        let recorded = async { self.outcomes.record(about, verdict?).await };
        let recorded = self.in_time(recorded).await.and_then(|recorded| recorded);
        match recorded {
            Ok(()) => tell(replies, about.item, Handled::Done),
            Err(error) => {
                let (item, cause) = (about.item, telemetry::chain(&error));
                warn!(item.id = %item, %cause, "could not record the outcome of item {item}");
                tell(replies, item, Handled::Again);
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, RecordError> {
        tokio::time::timeout(self.patience, work).await.map_err(|_| RecordError::TookTooLong)
    }
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
