//! Lets the making of new tenants go first: work of the same process on existing tenants pauses meanwhile.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

/// Longest wait at a time. The transaction that waits holds up the users of its tenants, and however many tenants are
/// made, a fleet moves on.
const AT_MOST: Duration = Duration::from_millis(50);

/// How many tenants this process makes now. Clones count together.
#[derive(Debug, Clone)]
pub struct Making(Arc<watch::Sender<usize>>);

/// A tenant that is being made, until this is dropped.
#[derive(Debug)]
pub struct OneMore(Making);

impl Default for Making {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Making {
    /// Another tenant is to be made.
    #[must_use]
    pub fn begin(&self) -> OneMore {
        self.0.send_modify(|made| *made += 1);
        OneMore(self.clone())
    }

    /// How many wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.receiver_count()
    }

    /// Waits until no tenant is being made, but not for long.
    pub async fn give_way(&self) {
        let mut seen = self.0.subscribe();
        // When the time is over it is our turn, whatever is being made. The sender lives as long as `self`.
        let _ = timeout(AT_MOST, seen.wait_for(|made| *made == 0)).await;
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.0.send_modify(|made| *made -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fleet_waits_for_those_that_are_made_and_not_for_long() {
        let making = Making::default();
        let began = Instant::now();
        making.give_way().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "nothing is made");

        let (one, two) = (making.begin(), making.begin());
        let gives = making.clone();
        let waits = tokio::spawn(async move { gives.give_way().await });
        sleep(Duration::from_millis(10)).await;
        drop(one);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(making.waiting(), 1, "another one is made yet");
        drop(two);
        waits.await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(20));

        let _for_ever = making.begin();
        making.give_way().await;
        assert_eq!(began.elapsed(), Duration::from_millis(20) + AT_MOST);
    }
}
