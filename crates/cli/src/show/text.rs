//! Texts in a given width, as terminals count it: an East Asian character takes two columns.

use textwrap::{Options, WordSplitter, core::display_width};

/// What stands where something was cut away.
const CUT: &str = "…";

/// `text` in at most `width` columns, with `…` at its end if something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if display_width(&kept) + 1 > width {
            kept.pop();
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept + CUT
}

/// `text` in lines of at most `width` columns. Lines end at spaces; a word that is longer is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let options = Options::new(width).break_words(false).word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).iter().map(|line| cut(line, width)).collect()
}

/// How many columns the longest line of `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.lines().map(display_width).max().unwrap_or(0)
}

/// Columns of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;

/// Below this many columns a table is hard to read: each of its records becomes a block.
pub(super) const NARROW: usize = 70;

/// Columns of the terminal; `COLUMNS` in the environment wins.
pub(super) fn terminal_width() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
    let told = || comfy_table::Table::new().width().map(usize::from);
    given.or_else(told).filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_to_the_width_that_a_terminal_shows() {
        assert_eq!(cut("acme.example.com", 16), "acme.example.com");
        assert_eq!(cut("acme.example.com", 8), "acme.ex…");
        assert_eq!(cut("東京ロボット", 6), "東京…");
        assert_eq!(cut("Blue Door", 6), "Blue…");
    }

    #[test]
    fn wraps_at_spaces_and_never_within_a_word() {
        let lines = wrap("domain has a label that begins with a hyphen", 16);

        assert_eq!(lines, ["domain has a", "label that", "begins with a", "hyphen"]);
        assert_eq!(wrap("a-very-long-word here", 8), ["a-very-…", "here"]);
    }
}
