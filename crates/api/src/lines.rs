//! Lines of JSON, read while they arrive: what is wrong with one is known before the rest is there.

use std::ops::Range;

use crate::{problem::Problem, texts::Texts, well_formed::WellFormed};

/// The lines that have arrived so far.
#[derive(Debug)]
pub(crate) struct Lines {
    text: Vec<u8>,
    tenants: Vec<Range<usize>>,
    /// Most tenants allowed.
    most: usize,
    /// Lines that were read.
    lines: usize,
    /// Where the first line that was not read begins.
    begin: usize,
    /// No line ends between `begin` and here.
    searched: usize,
}

impl Lines {
    /// Nothing yet, to become `most` tenants at most.
    pub(crate) fn new(most: usize) -> Self {
        let text = Vec::new();
        Self { text, tenants: Vec::new(), most, lines: 0, begin: 0, searched: 0 }
    }

    /// Takes what arrived, and does not look at it.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// How many bytes were not looked at.
    pub(crate) fn unread(&self) -> usize {
        self.text.len() - self.searched
    }

    /// Reads the lines that have arrived whole.
    ///
    /// # Errors
    /// 400 when one is not JSON, with line and column; 413 when there are too many.
    pub(crate) fn read(&mut self) -> Result<(), Problem> {
        while let Some(found) = self.text[self.searched..].iter().position(|b| *b == b'\n') {
            let end = self.searched + found;
            self.take_line(end)?;
            self.begin = end + 1;
            self.searched = self.begin;
        }
        self.searched = self.text.len();
        Ok(())
    }

    /// Reads what is left, now that all has arrived.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn finish(mut self) -> Result<Texts, Problem> {
        self.read()?;
        self.take_line(self.text.len())?;
        Ok(Texts::new(self.text, self.tenants))
    }

    /// Reads the line from `begin` to `end`. One with nothing on it is a line too, and no tenant.
    fn take_line(&mut self, end: usize) -> Result<(), Problem> {
        self.lines += 1;
        let line = &self.text[self.begin..end];
        let tenant = line.trim_ascii();
        if tenant.is_empty() {
            return Ok(());
        }
        if self.tenants.len() == self.most {
            return Err(Problem::too_many_tenants(self.most));
        }
        serde_json::from_slice::<WellFormed>(tenant).map_err(|e| {
            let place = format!("a line of the body is not JSON: line {}", self.lines);
            Problem::malformed_json(&place, &e)
        })?;
        let begin = self.begin + (line.len() - line.trim_ascii_start().len());
        self.tenants.push(begin..begin + tenant.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The tenants of `text`, arrived in pieces of `size` bytes, each read at once.
    fn read(text: &str, size: usize, most: usize) -> Result<Vec<Value>, Problem> {
        let mut lines = Lines::new(most);
        for piece in text.as_bytes().chunks(size) {
            lines.push(piece);
            lines.read()?;
        }
        Ok(lines.finish()?.from(0).map(|text| serde_json::from_str(text).unwrap()).collect())
    }

    #[test]
    fn reads_lines_however_they_are_cut() {
        let text = "{\"a\": \"bücher, 雪\"}\r\n\n  [2] \n\"\u{1f600}\"";
        let whole = [json!({"a": "bücher, 雪"}), json!([2]), json!("\u{1f600}")];

        for size in 1..=text.len() {
            assert_eq!(read(text, size, 3).unwrap(), whole, "{size}");
        }
        assert!(read("\n \n", 1, 3).unwrap().is_empty());
    }

    #[test]
    fn names_the_line_that_is_not_json() {
        let problem = read("{}\n\n{\"a\": }\n", 4, 3).unwrap_err();

        let text = format!("{problem:?}");
        assert_eq!((problem.status().as_u16(), problem.code()), (400, "malformed_json"));
        assert!(text.contains("line 3, column 7"), "{text}");
    }

    #[test]
    fn needs_not_all_of_it_to_see_what_is_wrong() {
        let refused = |text: &str| {
            let mut lines = Lines::new(2);
            lines.push(text.as_bytes());
            lines.read().map_err(|problem| problem.code().to_owned())
        };

        assert_eq!(refused("{}\n{}\n{"), Ok(()));
        assert_eq!(refused("{}\n{}\n{}\n"), Err("too_many_tenants".to_owned()));
        assert_eq!(refused("{]\n{"), Err("malformed_json".to_owned()));
    }

    #[test]
    fn looks_at_no_byte_twice_for_the_end_of_a_line() {
        let mut lines = Lines::new(1);
        lines.push(b"[1,");
        lines.read().unwrap();
        lines.push(b"2]");

        assert_eq!(lines.unread(), 2);
        assert_eq!(lines.finish().unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[\\[\\]0-9, \n\r]{0,40}", size in 1..8usize) {
            let in_pieces = read(&text, size, 3).map_err(|p| format!("{p:?}"));

            prop_assert_eq!(in_pieces, read(&text, 64, 3).map_err(|p| format!("{p:?}")));
        }
    }
}
