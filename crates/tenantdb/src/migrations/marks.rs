//! What the comments at the head of a file, or of its section, ask for.

use std::ops::Range;
use std::time::Duration;

use domain::Version;

use super::load::LoadError;

/// What a text asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Its statements run outside any transaction.
    pub(super) no_transaction: bool,
    /// Longest time that it may run.
    pub(super) timeout: Option<Duration>,
    /// The shared migration that has to be applied before it.
    pub(super) needs_shared: Option<Version>,
}

const NO_TRANSACTION: &str = "no-transaction";
const TIMEOUT: &str = "timeout:";
const NEEDS_SHARED: &str = "needs shared:";

/// Reads those of a text in `file`. Only comments may stand before a mark.
///
/// # Errors
/// At a mark that is not understood.
pub(super) fn read(text: &str, file: &str) -> Result<Marks, LoadError> {
    let mut marks = Marks::default();
    for (line, said, place) in head(text) {
        if said.starts_with(NO_TRANSACTION) {
            marks.no_transaction = true;
        } else if let Some(asked) = said.strip_prefix(TIMEOUT).map(str::trim) {
            let refused = || {
                let message = format!(
                    "asks for the time limit `{asked}`; write a number and ms, s, m or h: `-- timeout: 10m`"
                );
                LoadError::new(file, "instruction", message).at(line)
            };
            marks.timeout = Some(duration(asked).ok_or_else(refused)?);
        } else if said.starts_with(NEEDS_SHARED) {
            let needed = needed(&text[place]);
            let refused = || {
                let message = "needs one version of the shared migrations, the newest that it uses: \
                               `-- needs shared: 0003`, once";
                LoadError::new(file, "instruction", message).at(line)
            };
            let once = needed.filter(|_| marks.needs_shared.is_none());
            marks.needs_shared = Some(once.ok_or_else(refused)?);
        }
    }
    Ok(marks)
}

/// The text as it was before one or several of its marks were added.
pub(super) fn before(text: &str) -> Vec<String> {
    let is_mark =
        |said: &str| [NO_TRANSACTION, TIMEOUT, NEEDS_SHARED].iter().any(|it| said.starts_with(it));
    let marks: Vec<Range<usize>> =
        head(text).filter(|(_, said, _)| is_mark(said)).map(|(_, _, at)| at).collect();
    // More than a few are a mistake, and each makes twice as many texts.
    let marks = &marks[..marks.len().min(4)];
    let chosen = |which: usize| {
        let mut left = text.to_owned();
        for (n, mark) in marks.iter().enumerate().rev() {
            if which & (1 << n) != 0 {
                left.replace_range(mark.clone(), "");
            }
        }
        left
    };
    (1..1 << marks.len()).map(chosen).collect()
}

/// The comments before the first statement: each with its line, what it says in small letters, and its place.
fn head(text: &str) -> impl Iterator<Item = (u32, String, Range<usize>)> {
    let mut at = 0;
    let lines = (1..).zip(text.split_inclusive('\n')).map(move |(number, line)| {
        let place = at..at + line.len();
        at = place.end;
        (number, line, place)
    });
    lines
        .take_while(|(_, line, _)| comment(line).is_some() || line.trim().is_empty())
        .filter_map(|(number, line, place)| Some((number, comment(line)?, place)))
}

/// The text of a line that is a comment, in small letters.
pub(super) fn comment(line: &str) -> Option<String> {
    Some(line.trim().strip_prefix("--")?.trim().to_ascii_lowercase())
}

/// The version that a line asks for, as it spells it.
fn needed(line: &str) -> Option<Version> {
    let (_, asked) = line.split_once(':')?;
    let asked = asked.trim();
    let is_one = !asked.is_empty() && !asked.contains([',', ' ', '\t']);
    is_one.then(|| Version::new(asked))
}

/// `500ms`, `90s`, `10m`, `2h`; more than nothing, and no more than PostgreSQL's limits can be.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text[..text.len() - digits.len()].parse().ok()?;
    let unit_ms = match digits.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let ms = number
        .checked_mul(unit_ms)
        .filter(|ms| (1..=i32::MAX.unsigned_abs().into()).contains(ms))?;
    Some(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_before_the_first_statement() {
        let text = "-- a table\n\n-- Timeout: 10m\n  -- no-transaction, for an index\nselect 1;\n-- timeout: 1s\n";

        let marks = read(text, "1.sql").unwrap();

        let timeout = Some(Duration::from_secs(600));
        assert_eq!(marks, Marks { no_transaction: true, timeout, needs_shared: None });
        assert_eq!(read("select 1; -- no-transaction\n", "1.sql").unwrap(), Marks::default());
    }

    #[test]
    fn a_time_limit_that_is_not_understood_is_told_with_its_line() {
        for asked in ["soon", "10", "0s", "10 minutes", "-1s", "", "1000h", "18446744073709551615h"]
        {
            let error =
                read(&format!("-- first\n-- timeout: {asked}\nselect 1"), "1.sql").unwrap_err();
            assert_eq!((error.line, error.code), (2, "instruction"));
            assert!(error.message.contains("`-- timeout: 10m`"), "{}", error.message);
        }
        for (asked, ms) in [("500ms", 500), ("90 s", 90_000), ("2h", 7_200_000)] {
            let time = read(&format!("-- timeout:{asked}"), "1.sql").unwrap().timeout;
            assert_eq!(time, Some(Duration::from_millis(ms)), "{asked}");
        }
    }

    #[test]
    fn a_shared_migration_is_needed_as_its_version_is_spelled_and_only_one() {
        let needed = |text: &str| read(text, "1.sql").unwrap().needs_shared;

        assert_eq!(needed("-- Needs shared: V3_Plans\nselect 1"), Some(Version::new("V3_Plans")));
        assert_eq!(needed("select 1;\n-- needs shared: 3\n"), None);
        for text in
            ["-- needs shared:", "-- needs shared: 1, 2", "-- needs shared: 1\n-- needs shared: 2"]
        {
            let error = read(text, "1.sql").unwrap_err();
            assert_eq!(error.code, "instruction", "{text}");
        }
    }

    #[test]
    fn a_text_is_known_without_any_of_its_marks() {
        let mut before = before("-- timeout: 1s\n-- b\n-- no-transaction\nselect 1");
        before.sort();

        let expected = [
            "-- b\n-- no-transaction\nselect 1",
            "-- b\nselect 1",
            "-- timeout: 1s\n-- b\nselect 1",
        ];
        assert_eq!(before, expected);
    }
}
