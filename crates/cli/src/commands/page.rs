//! Lists that come in pages: how much to ask for, and where the rest is.

use clap::Args;

use crate::show;

/// A part of a list.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Continue where an earlier list ended
    #[arg(long)]
    cursor: Option<String>,
}

impl Page {
    /// As parameters of a query.
    pub(super) fn parameters(self) -> [(&'static str, Option<String>); 2] {
        [("limit", Some(self.limit.to_string())), ("cursor", self.cursor)]
    }
}

/// Tells what shows the rest of a list, if there is more: `how` names it, with the cursor.
pub(super) fn more(next_cursor: Option<String>, how: impl FnOnce(String) -> String) {
    if let Some(cursor) = next_cursor {
        show::note(format!("more: {}", how(cursor)));
    }
}
