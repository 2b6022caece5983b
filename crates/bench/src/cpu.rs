//! How much processor time the work takes: steadier than the clock on a machine that others use.

use std::fs;

/// Clock ticks a second in `/proc`: 100 on every Linux that is in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of the server so far, in milliseconds: of the postmaster, of every backend that
/// lives and of every one that has ended. `None` where there is no `/proc`.
pub(crate) fn server_ms(postmaster: i32) -> Option<f64> {
    let own = ticks(postmaster, true)?;
    let backends: f64 = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| parent(*pid) == Some(postmaster))
        .filter_map(|pid| ticks(pid, false))
        .sum();
    Some((own + backends) * 1e3 / TICKS_PER_SECOND)
}

/// Processor time of one process so far, in milliseconds.
pub(crate) fn process_ms(pid: u32) -> Option<f64> {
    Some(ticks(i32::try_from(pid).ok()?, false)? * 1e3 / TICKS_PER_SECOND)
}

fn parent(pid: i32) -> Option<i32> {
    fields(pid)?.get(1)?.parse().ok()
}

/// User and system time, with that of ended children if asked for.
fn ticks(pid: i32, with_children: bool) -> Option<f64> {
    let fields = fields(pid)?;
    let range = if with_children { 11..15 } else { 11..13 };
    fields.get(range)?.iter().map(|ticks| ticks.parse::<f64>().ok()).sum()
}

/// The fields of `/proc/PID/stat` after the program's name: state, parent, …
fn fields(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}
