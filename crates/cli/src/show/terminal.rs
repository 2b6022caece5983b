//! How wide the terminal is.

/// Columns of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;

/// Below this many columns a table is hard to read: each of its records becomes a block.
pub(super) const NARROW: usize = 70;

/// Columns of the terminal; `COLUMNS` in the environment wins.
pub(super) fn width() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
    let told = || comfy_table::Table::new().width().map(usize::from);
    given.or_else(told).filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}
