//! What separates the columns of a CSV file: spreadsheets of many countries write `;`.

/// What may separate columns, the usual one first.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// A text whose separator is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separated<'a> {
    /// The rows, from the header on.
    pub(super) rows: &'a str,
    pub(super) separator: u8,
    /// Lines of the file before `rows`.
    pub(super) lines_before: u64,
}

/// The rows of `text` and what separates their columns: what its line `sep=` says, else the
/// separator that its header has most of.
pub(super) fn find(text: &str) -> Separated<'_> {
    let first = text.lines().next().unwrap_or_default();
    if let Some(separator) = told(first) {
        let rows = text[first.len()..].trim_start_matches('\r');
        let rows = rows.strip_prefix('\n').unwrap_or(rows);
        return Separated { rows, separator, lines_before: 1 };
    }
    let count = |separator: &char| outside_quotes(first).filter(|c| c == separator).count();
    let most = SEPARATORS.iter().rev().max_by_key(|separator| count(separator));
    let separator = most.map_or(b',', |separator| *separator as u8);
    Separated { rows: text, separator, lines_before: 0 }
}

/// The separator that a line `sep=;` names, as Excel writes and reads it.
fn told(line: &str) -> Option<u8> {
    let line = line.trim_end_matches('\r').trim_matches('"');
    let separator = line.strip_prefix("sep=").or_else(|| line.strip_prefix("SEP="))?;
    let mut characters = separator.chars();
    let first = characters.next().filter(char::is_ascii)?;
    characters.next().is_none().then_some(first as u8)
}

fn outside_quotes(line: &str) -> impl Iterator<Item = char> + '_ {
    let mut quoted = false;
    line.chars().filter(move |c| {
        quoted ^= *c == '"';
        !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_header_has_most_of() {
        for (text, separator) in [
            ("tenant_name,domain\n", b','),
            ("tenant_name;domain\n", b';'),
            ("tenant_name\tdomain\n", b'\t'),
            ("\"a;b;c\",domain\n", b','),
            ("tenant_name\n", b','),
            ("", b','),
        ] {
            assert_eq!(find(text), Separated { rows: text, separator, lines_before: 0 }, "{text}");
        }
    }

    #[test]
    fn takes_what_a_line_of_its_own_says() {
        for text in ["sep=;\na,b", "sep=;\r\na,b", "\"sep=;\"\na,b"] {
            let found = find(text);

            assert_eq!(found, Separated { rows: "a,b", separator: b';', lines_before: 1 });
        }
    }
}
