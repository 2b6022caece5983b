//! Tables for people.

use chrono::{DateTime, Local, Utc};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, ContentLineStyle, TableStyle,
    presets::UTF8_FULL_CONDENSED,
};

use super::{is_terminal, line, plain};

/// Solid lines and no rules between rows: easy to read, and easy to paste.
const STYLE: TableStyle = UTF8_FULL_CONDENSED
    .with_rounded_corners()
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .content_lines(ContentLineStyle::new('│', '│', '│'));

/// A table with a header.
#[derive(Debug)]
pub(crate) struct Table(comfy_table::Table);

impl Table {
    /// An empty table with these columns; those that begin with `>` are set to the right.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self::for_screen(columns, is_terminal())
    }

    fn for_screen(columns: &[&str], terminal: bool) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE);
        if terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        // https://no-color.org
        if !terminal || std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty()) {
            table.force_no_tty();
        }
        let header = columns
            .iter()
            .map(|name| Cell::new(name.trim_start_matches('>')).add_attribute(Attribute::Bold));
        table.set_header(header);
        for (column, name) in table.column_iter_mut().zip(columns) {
            if name.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self(table)
    }

    /// Adds a row. A word that is a state gets its colour, if anybody sees it.
    pub(crate) fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        self.0.add_row(cells.into_iter().map(|text| cell(&plain(&text))));
    }

    /// Prints it as a result.
    pub(crate) fn print(&self) {
        line(&self.0);
    }
}

fn cell(text: &str) -> Cell {
    let cell = Cell::new(text);
    match text {
        "succeeded" | "success" | "active" | "completed" | "ok" | "up to date" => {
            cell.fg(Color::Green)
        }
        "failed" | "error" | "undo_failed" | "completed_with_failures" | "refused" => {
            cell.fg(Color::Red)
        }
        "running" | "retrying" | "compensating" | "cancelling" | "rolling_back" | "pending" => {
            cell.fg(Color::Yellow)
        }
        _ => cell,
    }
}

/// A moment in the reader's own time zone, to the second.
pub(crate) fn short_time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(
        || "–".to_owned(),
        |at| at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(terminal: bool) -> String {
        let mut table = Table::for_screen(&["name", "status", ">ms"], terminal);
        table.row(["Café\u{7} Zürich", "succeeded", "12"].map(str::to_owned));
        table.row(["Acme", "failed", "7"].map(str::to_owned));
        table.0.to_string()
    }

    #[test]
    fn has_no_control_characters_on_a_pipe() {
        let printed = sample(false);

        assert!(printed.chars().all(|c| c == '\n' || !c.is_control()), "{printed:?}");
        assert!(printed.contains("succeeded") && printed.contains("Zürich"), "{printed}");
    }

    #[test]
    fn sets_numbers_to_the_right() {
        let printed = sample(false);

        assert!(printed.contains("│  7 │"), "{printed}");
    }
}
