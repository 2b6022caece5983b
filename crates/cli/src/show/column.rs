//! How a column of a table behaves when there is too little room for it.

/// A column: its title, and what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) right: bool,
    /// Left out where the terminal is narrow: the higher, the sooner; 0 = never.
    pub(super) optional: usize,
    pub(super) long: Long,
}

/// What becomes of a text that is too long for its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// It ends with `…`.
    Cut,
    /// It goes on in the next line, at a space.
    Wrap,
    /// It stays as it is: a number, an id or a key that people copy.
    Whole,
}

impl<'a> Column<'a> {
    /// The column that `spec` describes: marks, then its title. `>` sets numbers to the right, `=`
    /// keeps texts whole, `~` wraps them, `?` lets the column go where there is no room, `??` sooner.
    pub(super) fn parse(spec: &'a str) -> Self {
        let name = spec.trim_start_matches(['>', '=', '~', '?']);
        let marks = &spec[..spec.len() - name.len()];
        let marked = |mark| marks.contains(mark);
        let long = match (marked('>') || marked('='), marked('~')) {
            (true, _) => Long::Whole,
            (_, true) => Long::Wrap,
            _ => Long::Cut,
        };
        Self { name, right: marked('>'), optional: marks.matches('?').count(), long }
    }

    /// The least width that still tells something of texts up to `natural` wide.
    pub(super) fn least(&self, natural: usize, roomy: bool) -> usize {
        match (self.long, roomy) {
            (Long::Whole, _) => natural,
            (Long::Cut, true) => natural.min(20),
            (Long::Cut, false) => natural.min(12),
            (Long::Wrap, true) => natural.min(32),
            (Long::Wrap, false) => natural.min(16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_marks_before_a_title() {
        let id = Column::parse("?>id");
        let error = Column::parse("~error");
        let plain = Column::parse("tenant");

        assert_eq!((id.name, id.right, id.optional, id.long), ("id", true, 1, Long::Whole));
        assert_eq!((error.name, error.long, error.optional), ("error", Long::Wrap, 0));
        assert_eq!((plain.name, plain.long, plain.right), ("tenant", Long::Cut, false));
    }
}
