//! Tables: framed where the terminal is wide enough, a block for each record where it is not, and
//! tab-separated for programs.

use std::io::IsTerminal as _;

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, ContentLineStyle, TableStyle,
    presets::UTF8_FULL_CONDENSED,
};

use super::{
    DASH,
    column::{Column, Long, fit},
    is_terminal, line, note, plain,
    record::block,
    text,
};

/// Solid lines and no rules between rows: easy to read, and easy to paste.
const STYLE: TableStyle = UTF8_FULL_CONDENSED
    .with_rounded_corners()
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .content_lines(ContentLineStyle::new('│', '│', '│'));

#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column<'static>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. Marks before a title say how its column behaves: see [`Column::parse`]. The
    /// last column wraps by itself; others are cut with `…`.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        let mut columns: Vec<_> = columns.iter().map(|spec| Column::parse(spec)).collect();
        if let Some(last) = columns.last_mut().filter(|last| last.long == Long::Cut) {
            last.long = Long::Wrap;
        }
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. A word that is a state gets its colour, if anybody sees it.
    pub(crate) fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        self.rows.push(cells.into_iter().map(|text| plain(&text.replace('\t', " "))).collect());
    }

    pub(crate) fn print(&self) {
        line(self.printed(is_terminal()));
    }

    pub(crate) fn print_beside(&self) {
        note(self.printed(std::io::stderr().is_terminal()));
    }

    fn printed(&self, terminal: bool) -> String {
        if terminal {
            self.for_people(text::terminal_width(), has_colour())
        } else {
            self.for_programs()
        }
    }

    /// One header line, one line a row, columns separated by tabs, nothing cut.
    fn for_programs(&self) -> String {
        let header: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let mut lines = vec![header.join("\t")];
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| tsv_cell(cell)).collect();
            lines.push(cells.join("\t"));
        }
        lines.join("\n")
    }

    fn for_people(&self, width: usize, colour: bool) -> String {
        if width < text::NARROW {
            return self.blocks(width);
        }
        let natural: Vec<usize> = (0..self.columns.len()).map(|at| self.natural(at)).collect();
        let filled = (0..self.columns.len()).filter(|at| self.says_something(*at)).collect();
        fit(&self.columns, &natural, filled, width)
            .map_or_else(|| self.blocks(width), |shown| self.framed(&shown, colour))
    }

    fn natural(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| text::width(cell));
        cells.max().unwrap_or(0).max(text::width(self.columns[at].name))
    }

    /// Whether a column has a text in any row; the columns of a table without rows are all shown.
    fn says_something(&self, at: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(at));
        self.rows.is_empty() || cells.any(|cell| !cell.is_empty() && cell != DASH)
    }

    fn framed(&self, shown: &[(usize, usize)], colour: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
        if colour {
            // It asks for standard output otherwise, and this may be for standard error.
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let title = |at: usize| Cell::new(self.columns[at].name).add_attribute(Attribute::Bold);
        table.set_header(shown.iter().map(|(at, _)| title(*at)));
        for row in &self.rows {
            table.add_row(shown.iter().map(|(at, width)| {
                let full = row.get(*at).map_or("", String::as_str);
                cell(full, &fitted(full, *width, self.columns[*at].long))
            }));
        }
        for (column, (at, _)) in table.column_iter_mut().zip(shown) {
            if self.columns[*at].right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }

    /// Each row as a block of lines; what a row does not have is left out.
    fn blocks(&self, width: usize) -> String {
        let of_row = |row: &Vec<String>| {
            let cells = self.columns.iter().zip(row);
            let filled = cells.filter(|(_, value)| !value.is_empty() && *value != DASH);
            let fields =
                filled.map(|(it, value)| (it.name, value.as_str(), it.long == Long::Whole));
            block(&fields.collect::<Vec<_>>(), width)
        };
        self.rows.iter().map(of_row).collect::<Vec<_>>().join("\n\n") + "\n"
    }
}

/// A cell as programs read it: one line without tabs, and nothing where there is nothing.
pub(super) fn tsv_cell(cell: &str) -> String {
    if cell == DASH { String::new() } else { cell.replace(['\t', '\n'], " ") }
}

fn fitted(text: &str, width: usize, long: Long) -> String {
    match long {
        Long::Whole => text.to_owned(),
        Long::Cut => text::cut(text, width),
        Long::Wrap => {
            text.lines().flat_map(|line| text::wrap(line, width)).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Whether a terminal may get colour: not with NO_COLOR (<https://no-color.org>), nor on a dumb one.
fn has_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    !unwanted && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn cell(state: &str, shown: &str) -> Cell {
    let cell = Cell::new(shown);
    match state {
        "succeeded" | "success" | "active" | "completed" | "ok" | "up to date" | "applied" => {
            cell.fg(Color::Green)
        }
        "failed" | "error" | "undo_failed" | "completed_with_failures" | "refused" => {
            cell.fg(Color::Red)
        }
        "running" | "retrying" | "unwinding" | "cancelling" | "rolling_back" | "pending" => {
            cell.fg(Color::Yellow)
        }
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&[">id", "tenant", "status", "domain", "?=created", "error"]);
        let created = "2026-11-26 06:33:47Z";
        table.row(
            ["1", "Café\u{7} Zürich", "succeeded", "caf\u{e9}.example", created, DASH]
                .map(str::to_owned),
        );
        table.row(
            [
                "22",
                "Acme",
                "failed",
                "a-rather-long-label.of-a-rather-long-domain.example.com",
                created,
                "migration_failed: relation \"invoice\" already exists,\tas it seems",
            ]
            .map(str::to_owned),
        );
        table
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 70, 80, 100, 120, 200] {
            let printed = sample().for_people(width, false);

            let widest = printed.lines().map(text::width).max().unwrap();
            assert!(widest <= width, "{width}: {widest}\n{printed}");
        }
    }

    #[test]
    fn no_word_is_broken_in_two() {
        for width in [60, 80, 120] {
            let printed = sample().for_people(width, false);

            for word in ["succeeded", "failed", "migration_failed:", "relation", "\"invoice\""] {
                assert!(printed.contains(word), "{width}: {word}\n{printed}");
            }
        }
    }

    #[test]
    fn a_narrow_terminal_gets_a_block_for_each_record() {
        let printed = sample().for_people(60, false);

        assert!(!printed.contains('│') && printed.contains("\n\nid       22\n"), "{printed}");
        assert!(!printed.contains(DASH), "{printed}");
    }

    #[test]
    fn a_program_gets_a_header_and_all_of_every_cell() {
        let printed = sample().for_programs();

        let rows: Vec<Vec<&str>> = printed.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows[0], ["id", "tenant", "status", "domain", "created", "error"]);
        assert!(rows.len() == 3 && rows.iter().all(|row| row.len() == 6), "{printed}");
        assert_eq!(rows[1][5], "");
        assert!(rows[2][5].ends_with("exists, as it seems"), "{printed}");
        assert!(printed.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
    }

    #[test]
    fn a_column_without_a_text_is_not_shown_to_people() {
        let mut table = Table::new(&[">#", "?schema", "error"]);
        table.row(["0", DASH, "domain_taken"].map(str::to_owned));

        assert!(!table.for_people(100, false).contains("schema"));
        assert!(table.for_programs().contains("schema"));
    }

    #[test]
    fn sets_numbers_to_the_right() {
        let printed = sample().for_people(120, false);

        assert!(printed.contains("│  1 │"), "{printed}");
    }
}
