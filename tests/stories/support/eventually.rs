//! Waits for what the system does in its own time.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks again and again until there is something to see.
///
/// # Panics
/// If there is nothing after `at_most`; the message says `what` was waited for.
pub(crate) async fn eventually<T>(
    what: &str,
    at_most: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(began.elapsed() < at_most, "waited {at_most:?} in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What `doing` comes to.
///
/// # Panics
/// If it takes longer than `at_most`; the message says `what` was waited for.
pub(crate) async fn within<T>(what: &str, at_most: Duration, doing: impl Future<Output = T>) -> T {
    match tokio::time::timeout(at_most, doing).await {
        Ok(done) => done,
        Err(_) => panic!("waited {at_most:?} in vain: {what}"),
    }
}
