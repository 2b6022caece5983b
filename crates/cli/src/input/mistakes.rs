//! What is wrong with the lines of a file: all of it at once.

use crate::failure::Failure;

/// Lines that are named; the rest is counted.
const NAMED: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<String>);

impl Mistakes {
    /// Adds what is wrong with `line`, counted from 1.
    pub(super) fn add(&mut self, line: u64, what: &str) {
        self.0.push(format!("line {line}: {what}"));
    }

    pub(super) fn none_or(self, advice: &str) -> anyhow::Result<()> {
        let Self(lines) = self;
        let count = lines.len();
        let what = match lines.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            several => {
                let named = several[..count.min(NAMED)].join("\n  ");
                let rest = count.saturating_sub(NAMED);
                let rest = if rest > 0 { format!("\n  and {rest} more") } else { String::new() };
                format!("{count} lines are wrong:\n  {named}{rest}")
            }
        };
        Err(Failure::usage(what).advise(advice).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_one_line_or_all_of_them_up_to_a_limit() {
        let told = |count: u64| {
            let mut mistakes = Mistakes::default();
            (1..=count).for_each(|line| mistakes.add(line, "no"));
            mistakes.none_or("look").map_err(|error| error.to_string())
        };

        assert_eq!(told(0), Ok(()));
        assert_eq!(told(1), Err("line 1: no".to_owned()));
        assert_eq!(told(2), Err("2 lines are wrong:\n  line 1: no\n  line 2: no".to_owned()));
        assert!(told(25).unwrap_err().ends_with("line 20: no\n  and 5 more"));
    }
}
