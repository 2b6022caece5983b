//! Writes the one message that takes a schema from the version it has to where it should be.
//!
//! The files run inside a DO block: there the server refuses COMMIT, whatever a file holds, and says
//! which file failed. The message ends with a row that tells where it stood then, and puts the search
//! path back: statements that others prepared on this connection stay planned, and what follows cannot
//! land in the tenant's schema by accident.
//!
//! For several schemas in one transaction, the same texts run without the block, which costs a sixth more of
//! the server's time there: [`plain`].

use domain::{SchemaName, Version};
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::error::MigrateError;
use super::set::{Migration, Way};
use super::state::State;
use crate::ident::{Ident, dollar_tag, literal};

/// Ends what a file deferred, in the language of a block.
const SETTLE: &str = include_str!("../queries/settle_constraints.sql");

/// A message, and in which line of its block which file is executed.
#[derive(Debug)]
pub(super) struct Script<'a> {
    pub(super) text: String,
    pub(super) steps: Vec<Step<'a>>,
}

/// One file in a script.
#[derive(Debug, Clone)]
pub(super) struct Step<'a> {
    pub(super) version: &'a Version,
    pub(super) file: &'a str,
    /// The text that is executed.
    pub(super) sql: String,
    /// The line of its EXECUTE as the server counts: within the block, from 1.
    pub(super) block_line: usize,
}

/// Runs the files' ways in the order given.
pub(super) fn script<'a>(
    schema: &SchemaName,
    state: &State,
    ways: &[(&'a Version, &'a Way)],
    defers: bool,
) -> Script<'a> {
    let (block, steps) = block(ways, defers);
    let text = enter(schema, state, true) + &limit(ways) + &block + &leave(schema, state) + ";\n";
    Script { text, steps }
}

/// Sets the time that the block may take, where a file asks for another than the transaction's: the block is
/// one statement, so the longest of what its files ask for.
fn limit(ways: &[(&Version, &Way)]) -> String {
    let Some(longest) = ways.iter().filter_map(|(_, way)| way.timeout).max() else {
        return String::new();
    };
    let asked = longest.as_millis();
    // 0 is no limit.
    let usual = "(select setting::bigint from pg_settings where name = 'statement_timeout')";
    let time = match ways.iter().all(|(_, way)| way.timeout.is_some()) {
        true => asked.to_string(),
        false => format!("case {usual} when 0 then 0 else greatest({usual}, {asked}) end"),
    };
    format!("select set_config('statement_timeout', ({time})::text, true);\n")
}

/// The same for several schemas, with the files' texts as they are. Only for a set that was applied by [`script`]
/// once: there a statement that ends a transaction has failed.
///
/// The statements of `record` come last: a row written keeps a lock on its table until the COMMIT, and a
/// session that keeps more than a few of those pays more for every other lock.
pub(super) fn plain<'s>(
    schemas: impl Iterator<Item = (&'s SchemaName, &'s State, &'s [&'s Migration])>,
    defers: bool,
    record: &str,
) -> String {
    let mut text = String::new();
    for (schema, state, files) in schemas {
        text += &enter(schema, state, true);
        for migration in files {
            // A text may end in a comment, or without a semicolon.
            text += &format!("{}\n;\n", migration.sql());
            if defers {
                text += &format!("do $settle$ begin\n{SETTLE}end $settle$;\n");
            }
        }
        text += &(leave(schema, state) + ";\n");
    }
    text + record
}

/// Fails where there is no such schema: the server would make the tables among the temporary ones.
/// For the transaction if it is `local`, else for the session.
pub(super) fn enter(schema: &SchemaName, state: &State, local: bool) -> String {
    let (name, path) = (Ident::from(schema).as_text(), literal(&state.tenants.of(schema)));
    let role = become_role(state, state.owner.as_deref().unwrap_or_default(), local);
    format!("select {name}::regnamespace, set_config('search_path', {path}, {local}){role};\n")
}

/// What the first column is called of the row that a script ends with.
pub(super) const LAST_ROW: &str = "tenantry_stands_in";

/// The row a script ends with, for [`send`](super::state::send).
fn leave(schema: &SchemaName, state: &State) -> String {
    let (stands, back) = (stands(schema), literal(&state.path));
    let role = become_role(state, &state.actor, true);
    format!("select {stands}, set_config('search_path', {back}, true){role}")
}

/// One more column, by which the session becomes `role`. Only where migrations run as another role than the
/// session's.
fn become_role(state: &State, role: &str, local: bool) -> String {
    if state.owner.is_none() {
        return String::new();
    }
    format!(", set_config('role', {}, {local})", literal(role))
}

/// Current schema, search path and role.
pub(super) fn stands(schema: &SchemaName) -> String {
    // asked of a path that leads nowhere, current_schema() would make a schema for temporary tables
    format!(
        "case when has_schema_privilege(to_regnamespace({name})::oid, 'usage')
             then current_schema()::text end as {LAST_ROW},
             current_setting('search_path'), current_user::text",
        name = Ident::from(schema).as_text(),
    )
}

/// One DO block that executes each file as a text of its own.
fn block<'a>(ways: &[(&'a Version, &'a Way)], defers: bool) -> (String, Vec<Step<'a>>) {
    let outer = dollar_tag(ways.iter().map(|(_, way)| way.sql.as_str()));
    let inner = format!("{}x$", outer.trim_end_matches('$'));
    let (mut body, mut steps) = (String::from("\nbegin\n"), Vec::new());
    for (version, way) in ways {
        let block_line = body.matches('\n').count() + 1;
        // EXECUTE refuses a text that ends in SELECT … INTO
        let sql = format!("{}\n;select 1", way.sql);
        body += &format!("execute {inner}{sql}{inner};\n");
        steps.push(Step { version, file: &way.file, sql, block_line });
        if defers {
            body.push_str(SETTLE);
        }
    }
    if steps.is_empty() {
        return (String::new(), steps);
    }
    (format!("do {outer}{body}end {outer};\n"), steps)
}

/// How the server names a block in an error's context; followed, in any language, by its line.
const BLOCK: &str = "inline_code_block";

/// Names the migration, and where possible the line, that an error of the server belongs to.
pub(super) fn blame(source: sqlx::Error, steps: &[Step<'_>]) -> MigrateError {
    let error = source.as_database_error().and_then(|e| e.try_downcast_ref());
    let found = error.and_then(|e| by_text(e, steps).or_else(|| by_line(e, steps)));
    match found {
        Some((step, line)) => {
            let (version, file) = (step.version.clone(), step.file.to_owned());
            MigrateError::Failed { version, file, line, source }
        }
        None => MigrateError::Database(source),
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
