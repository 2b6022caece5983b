//! When an idle worker looks for jobs: on a ring, and on every tick.
//!
//! The queue by itself looks only every heartbeat, and its own strategies lose wake-ups: the
//! interval is not re-armed when a fetch finishes within the same poll, the listener takes one
//! notification a poll. This one drains both sources until they are pending, so a waker is
//! always left armed and a burst costs one fetch.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use futures::{Stream, channel::mpsc};
use tokio::time::Interval;

/// A ring of the doorbell, or a tick.
pub(crate) struct Wakeup {
    tick: Interval,
    doorbell: mpsc::Receiver<()>,
    doorbell_gone: bool,
}

impl Wakeup {
    pub(crate) fn new(tick: Interval, doorbell: mpsc::Receiver<()>) -> Self {
        Self { tick, doorbell, doorbell_gone: false }
    }
}

impl PollStrategy for Wakeup {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut fired = false;
        while self.tick.poll_tick(cx).is_ready() {
            fired = true;
        }
        while !self.doorbell_gone {
            match Pin::new(&mut self.doorbell).poll_next(cx) {
                Poll::Ready(Some(())) => fired = true,
                Poll::Ready(None) => self.doorbell_gone = true,
                Poll::Pending => break,
            }
        }
        if fired { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}
