//! Which columns of a table a terminal has room for, how wide each is, and what becomes of its texts.

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

/// Characters that a frame takes for a column: two spaces and a line. One more line ends the table.
const FRAME: usize = 3;

/// The places and widths of the columns to show; `None` if `width` has no room for those that have
/// to be there. Optional columns go first, the last of those with most marks; then texts are cut.
pub(super) fn fit(
    columns: &[Column<'_>],
    natural: &[usize],
    mut shown: Vec<usize>,
    width: usize,
) -> Option<Vec<(usize, usize)>> {
    loop {
        let roomy = shown.iter().map(|&at| columns[at].least(natural[at], true)).sum::<usize>();
        if roomy + frame(shown.len()) <= width {
            return Some(share(columns, natural, &shown, true, width - frame(shown.len())));
        }
        let last = (0..shown.len()).max_by_key(|place| columns[shown[*place]].optional);
        match last.filter(|place| columns[shown[*place]].optional > 0) {
            Some(place) => drop(shown.remove(place)),
            None => break,
        }
    }
    let least = shown.iter().map(|&at| columns[at].least(natural[at], false)).sum::<usize>();
    (least + frame(shown.len()) <= width)
        .then(|| share(columns, natural, &shown, false, width - frame(shown.len())))
}

fn frame(columns: usize) -> usize {
    FRAME * columns + 1
}

/// Takes from the widest column until all fit into `room`.
fn share(
    columns: &[Column<'_>],
    natural: &[usize],
    shown: &[usize],
    roomy: bool,
    room: usize,
) -> Vec<(usize, usize)> {
    let mut widths: Vec<(usize, usize)> = shown.iter().map(|&at| (at, natural[at])).collect();
    while widths.iter().map(|(_, width)| width).sum::<usize>() > room {
        let can_give = widths.iter_mut().filter(|(at, width)| {
            columns[*at].long != Long::Whole && *width > columns[*at].least(natural[*at], roomy)
        });
        match can_give.max_by_key(|(_, width)| *width) {
            Some((_, width)) => *width -= 1,
            None => break,
        }
    }
    widths
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

    fn columns() -> Vec<Column<'static>> {
        [">id", "tenant", "status", "?domain", "?=created"].map(Column::parse).to_vec()
    }

    fn at(width: usize) -> Option<Vec<(usize, usize)>> {
        fit(&columns(), &[4, 30, 9, 40, 20], (0..5).collect(), width)
    }

    #[test]
    fn shows_everything_where_there_is_room() {
        assert_eq!(at(130).unwrap(), [(0, 4), (1, 30), (2, 9), (3, 40), (4, 20)]);
    }

    #[test]
    fn cuts_the_widest_texts_first_and_never_a_whole_one() {
        let widths = at(100).unwrap();

        assert_eq!(widths, [(0, 4), (1, 26), (2, 9), (3, 25), (4, 20)]);
        assert_eq!(widths.iter().map(|(_, width)| width).sum::<usize>() + frame(5), 100);
    }

    #[test]
    fn leaves_out_the_last_optional_column_first() {
        let shown: Vec<usize> = at(70).unwrap().into_iter().map(|(at, _)| at).collect();

        assert_eq!(shown, [0, 1, 2, 3]);
    }

    #[test]
    fn gives_up_where_not_even_the_rest_fits() {
        assert_eq!(at(38).unwrap(), [(0, 4), (1, 15), (2, 9)]);
        assert_eq!(at(30), None);
    }
}
