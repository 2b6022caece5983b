//! Finds the file and line that an error of the server belongs to.

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::error::MigrateError;
use super::script::Step;

/// How the server names a block in an error's context; followed, in any language, by its line.
const BLOCK: &str = "inline_code_block";

/// Names the migration that the error comes from.
pub(super) fn name(source: sqlx::Error, steps: &[Step<'_>]) -> MigrateError {
    let error = source.as_database_error().and_then(|e| e.try_downcast_ref());
    let found = error.and_then(|e| by_text(e, steps).or_else(|| by_line(e, steps)));
    match found {
        Some((step, line)) => {
            let (version, file) = (step.version.clone(), step.file.to_owned());
            MigrateError::Failed { version, file, line, source }
        }
        None => MigrateError::Database { source },
    }
}

/// What to do about an error that files in one transaction meet.
pub(super) fn advice(error: &sqlx::Error) -> Option<&'static str> {
    match error.as_database_error()?.code()?.as_ref() {
        "55P04" => Some(
            "a value that is added to an enum cannot be used before it is committed: put the \
             statements that use it in a later file, and the line `-- no-transaction` before the \
             statement that adds it",
        ),
        "55006" => Some(
            "a check of this table still waits for the end of the transaction: write `set constraints \
             all immediate;` before this statement",
        ),
        "25001" => Some(
            "this statement cannot run in a transaction: put it in a file of its own, and the line \
             `-- no-transaction` before it",
        ),
        _ => None,
    }
}

/// The error points into a text of ours: that gives the line as well.
fn by_text<'s>(
    error: &PgDatabaseError,
    steps: &'s [Step<'s>],
) -> Option<(&'s Step<'s>, Option<u32>)> {
    let Some(PgErrorPosition::Internal { position, query }) = error.position() else {
        return None;
    };
    let step = steps.iter().find(|step| step.sql == query)?;
    let before = step.sql.chars().take(position.saturating_sub(1));
    let line = before.filter(|c| *c == '\n').count() + 1;
    Some((step, u32::try_from(line).ok()))
}

/// The last line of the context is our block's own: blocks inside a migration come before it.
fn by_line<'s>(
    error: &PgDatabaseError,
    steps: &'s [Step<'s>],
) -> Option<(&'s Step<'s>, Option<u32>)> {
    let context = error.r#where()?;
    let (_, after) = context.rsplit_once(BLOCK)?;
    let digits = after.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
    let line: usize = digits.parse().ok()?;
    // a check that a file put off fails in the lines after its own
    Some((steps.iter().rfind(|step| step.block_line <= line)?, None))
}
