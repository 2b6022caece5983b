//! Named points at which a test can make the process die.
//!
//! `TENANTRY_CRASH_AT=<point>` aborts the process when it reaches the point for the first time,
//! `<point>#<n>` the n-th time. An abort runs no destructor and flushes nothing: the nearest a
//! program comes to a power cut. Release builds hold none of this.

/// Dies here if the environment says so.
#[cfg(debug_assertions)]
pub fn crash_point(kind: &str, name: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("TENANTRY_CRASH_AT").ok()?;
        let (point, n) = text.split_once('#').unwrap_or((&text, "1"));
        Some((point.to_owned(), n.parse().ok()?))
    });
    let Some((point, n)) = wanted else { return };
    let here = point.split_once(':').is_some_and(|(k, rest)| k == kind && rest == name);
    if here && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *n {
        eprintln!("TENANTRY_CRASH_AT={point}#{n}: aborting");
        std::process::abort();
    }
}

/// Nothing: release builds do not crash on demand.
#[cfg(not(debug_assertions))]
#[inline]
pub fn crash_point(_kind: &str, _name: &str) {}
