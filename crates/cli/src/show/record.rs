//! One thing, a line a field.

use super::{is_terminal, line, plain, table::tsv_cell, text};

/// Longest name of a field that others are lined up with.
const LONGEST_LABEL: usize = 24;

#[derive(Debug, Default)]
pub(crate) struct Record(Vec<(String, String)>);

impl Record {
    pub(crate) fn field(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((plain(&name.into()), plain(&value.into())));
    }

    /// Prints it as a result: lined up for people, `field TAB value` for programs.
    pub(crate) fn print(&self) {
        if is_terminal() {
            line(self.lined_up(text::terminal_width()));
        } else {
            line("field\tvalue");
            for (name, value) in &self.0 {
                line(format!("{}\t{}", tsv_cell(name), tsv_cell(value)));
            }
        }
    }

    fn lined_up(&self, width: usize) -> String {
        let fields = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str(), false));
        block(&fields.collect::<Vec<_>>(), width)
    }
}

/// Names and values below each other: the values lined up, and wrapped at spaces within `width`. One
/// that is marked is never cut, even if it is longer than the line.
pub(super) fn block(fields: &[(&str, &str, bool)], width: usize) -> String {
    let label = fields.iter().map(|(name, ..)| text::width(name)).max().unwrap_or(0);
    let label = label.min(LONGEST_LABEL);
    let room = width.saturating_sub(label + 2).max(10);
    let mut lines = Vec::new();
    for &(mut name, value, whole) in fields {
        let parts = if whole { vec![value.to_owned()] } else { text::wrap(value, room) };
        for part in parts {
            let gap = label.saturating_sub(text::width(name)) + 2;
            lines.push(format!("{name}{}{part}", " ".repeat(gap)));
            name = "";
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_values_up_and_goes_on_below_them() {
        let mut record = Record::default();
        record.field("id", "7");
        record.field("description", "a customer of the very first hour");

        assert_eq!(
            record.lined_up(30),
            "id           7\n\
             description  a customer of the\n             very first hour"
        );
    }
}
