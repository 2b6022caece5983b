//! What people see. Results go to standard output, the rest to standard error; on a pipe there is
//! no colour, no bar and no control character.

mod bar;
mod column;
mod history;
mod item;
mod operation;
mod queue;
mod record;
mod table;
mod text;
mod words;

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
};

use contract::WaitingFor;
use serde_json::Value;

pub(crate) use bar::BatchBar;
pub(crate) use history::{audit_table, history_table};
pub(crate) use item::item;
pub(crate) use operation::{
    counts, counts_and_pace, items_table, operation_table, operations_table, wait_table,
};
pub(crate) use queue::{queue_sentence, workers, workers_table};
pub(crate) use record::Record;
pub(crate) use table::Table;
pub(crate) use words::{domain, duration, short_time};

pub(crate) const DASH: &str = "–";

pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| DASH.to_owned(), |it| it.to_string())
}

/// One line of the result. A reader that has left wants no more: that is not a failure.
pub(crate) fn line(text: impl Display) {
    let _reader_left = writeln!(io::stdout(), "{text}");
}

/// One line beside the result.
pub(crate) fn note(text: impl Display) {
    let _reader_left = writeln!(io::stderr(), "{text}");
}

/// Says why tenants wait, if something is known.
pub(crate) fn waits(waiting_for: Option<&WaitingFor>) {
    if let Some(waiting_for) = waiting_for {
        note(plain(&format!("waits: {}", waiting_for.message)));
    }
}

/// A result: `told` for programs, else what `people` prints.
pub(crate) fn result(json: bool, told: &Value, people: impl FnOnce()) {
    if json { raw(&told.to_string()) } else { people() }
}

/// An answer exactly as the API sent it.
pub(crate) fn raw(text: &str) {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _reader_left = write!(out, "{text}{end}").and_then(|()| out.flush());
}

/// A part of an answer exactly as the API sent it.
///
/// # Errors
/// When the reader has left.
pub(crate) fn part(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Text of strangers, safe for a terminal: no control characters, nothing that turns its direction.
pub(crate) fn plain(text: &str) -> String {
    let harmful = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmful(c) { '\u{fffd}' } else { c }).collect()
}

/// A key cut down to what tells it from others: its prefix, four characters, its last four.
pub(crate) fn masked(key: &str) -> String {
    let random = key.rfind('_').map_or(0, |at| at + 1);
    let (Some(start), Some(end)) = (key.get(..random + 4), key.get(key.len().saturating_sub(4)..))
    else {
        return "…".to_owned();
    };
    if key.len() < random + 24 { "…".to_owned() } else { format!("{start}…{end}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_cannot_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn a_masked_key_shows_what_tells_it_from_others_and_no_more() {
        let key = "tk_acme_0123456789abcdefghijABCDEFGHIJkl012345";

        let shown = masked(key);

        assert_eq!(shown, "tk_acme_0123…2345");
        assert_eq!(masked("short"), "…");
    }
}
