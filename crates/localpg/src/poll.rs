//! Waits for something that is looked at again and again.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks: a warm start takes 30 ms.
const GLANCE: Duration = Duration::from_millis(5);

/// What `look` finds within `patience`; it looks once in any case. `None` when it finds nothing.
pub(crate) fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(GLANCE);
    }
}
