//! When an idle worker looks for jobs: on a ring, and every so often.
//!
//! The queue by itself looks only every heartbeat, and its own strategies lose wake-ups: the
//! interval is not re-armed when a fetch finishes within the same poll, the listener takes one
//! notification a poll. This one drains both sources until they are pending, so a waker is
//! always left armed and a burst costs one fetch. The queue looks whenever it is woken, whatever
//! the strategy says: what is not to be looked for must not wake it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use futures::{Stream, channel::mpsc};
use tokio::time::{Instant, Sleep};

/// In quiet times, so many times as long between two looks.
const QUIET_FACTOR: u32 = 5;

/// A ring of the doorbell, or a timer; a slower one while it is quiet: while nothing is known to be
/// under way that could have put a job off to later.
pub(crate) struct Wakeup {
    every: Duration,
    /// By how much the next look comes sooner or later than that: workers that look in step would be first
    /// in the same order each time, also for a job that only the last of them can do.
    stretch: f64,
    timer: Pin<Box<Sleep>>,
    quiet: Arc<AtomicBool>,
    doorbell: mpsc::Receiver<()>,
    doorbell_gone: bool,
}

impl Wakeup {
    /// Wakes at once, and then `every` so often, give or take half of that.
    pub(crate) fn new(
        every: Duration,
        doorbell: mpsc::Receiver<()>,
        quiet: Arc<AtomicBool>,
    ) -> Self {
        let timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { every, stretch: 1.0, timer, quiet, doorbell, doorbell_gone: false }
    }
}

impl PollStrategy for Wakeup {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let quiet = self.quiet.load(Ordering::Relaxed);
        let mut fired = self.timer.as_mut().poll(cx).is_ready();
        if fired {
            self.stretch = rand::random_range(0.5..1.5);
        }
        let every = if quiet { self.every * QUIET_FACTOR } else { self.every };
        let next = Instant::now() + every.mul_f64(self.stretch);
        // While it is quiet, the look that this wake-up brings will do for the timer's.
        if fired || quiet || self.timer.deadline() > next {
            self.timer.as_mut().reset(next);
            if self.timer.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
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
