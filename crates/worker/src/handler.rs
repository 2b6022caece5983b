//! From a job to what the queue is told of it.

use std::sync::Arc;

use domain::ItemId;
use queue::{Class, Handled};

use crate::{in_progress::InProgress, inbox::Inbox};

/// Hands the items of jobs to the lanes.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) in_progress: InProgress,
}

impl Handler {
    /// Waits until a lane has worked on `item` as far as it goes.
    pub(crate) async fn handle(self: Arc<Self>, item: ItemId, class: Class) -> Handled {
        // In work in this process: the job is an old one's double, or the item's next, which
        // came before the work under the old one was quite over. It comes again in a moment.
        let Some(_working) = self.in_progress.enter(item) else { return Handled::Again };
        match self.inbox.put(item, class) {
            Some(told) => told.await.unwrap_or(Handled::Unbegun),
            None => Handled::Unbegun,
        }
    }
}
