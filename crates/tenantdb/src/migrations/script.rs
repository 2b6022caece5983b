//! Writes the one message that takes a schema from the version it has to where it should be.
//!
//! The files run inside a DO block: there the server refuses COMMIT, whatever a file holds, and says
//! which file failed. The message ends with a row that tells where it stood then, and puts the search
//! path back: statements that others prepared on this connection stay planned, and what follows cannot
//! land in the tenant's schema by accident.
//!
//! For several schemas in one transaction, the same texts run without the block, which costs a sixth more of
//! the server's time there: [`plain`].

use std::fmt::Write as _;

use domain::{SchemaName, Version};

use super::set::Migration;
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

#[derive(Debug, Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) version: &'a Version,
    pub(super) file: &'a str,
    pub(super) sql: &'a str,
}

pub(super) fn up<'a>(
    schema: &SchemaName,
    state: &State,
    pending: &[&'a Migration],
    defers: bool,
) -> Script<'a> {
    let files = pending.iter().map(|m| (m.version(), m.file(), m.sql()));
    script(schema, state, block(files, defers))
}

/// Runs the ways back in the order given.
pub(super) fn down<'a>(
    schema: &SchemaName,
    state: &State,
    back: &[Back<'a>],
    defers: bool,
) -> Script<'a> {
    let files = back.iter().map(|back| (back.version, back.file, back.sql));
    script(schema, state, block(files, defers))
}

fn script<'a>(
    schema: &SchemaName,
    state: &State,
    (block, steps): (String, Vec<Step<'a>>),
) -> Script<'a> {
    let text = enter(schema, state) + &block + &leave(schema, state) + ";\n";
    Script { text, steps }
}

/// The same for several schemas, with the files' texts as they are. Only for a set that was applied by [`up`]
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
        write(&mut text, &enter(schema, state));
        for migration in files {
            // A text may end in a comment, or without a semicolon.
            write(&mut text, &format!("{}\n;\n", migration.sql()));
            if defers {
                write(&mut text, &format!("do $settle$ begin\n{SETTLE}end $settle$;\n"));
            }
        }
        write(&mut text, &(leave(schema, state) + ";\n"));
    }
    write(&mut text, record);
    text
}

/// Fails where there is no such schema: the server would make the tables among the temporary ones.
fn enter(schema: &SchemaName, state: &State) -> String {
    format!(
        "select {}::regnamespace, set_config('search_path', {}, true);\n",
        literal(&Ident::from(schema).to_string()),
        literal(&state.tenants.of(schema))
    )
}

/// What the first column is called of the row that a script ends with.
pub(super) const LAST_ROW: &str = "tenantry_stands_in";

/// The row a script ends with, for [`send`](super::state::send).
fn leave(schema: &SchemaName, state: &State) -> String {
    let (stands, back) = (stands(schema), literal(&state.path));
    format!("select {stands}, set_config('search_path', {back}, true)")
}

/// Current schema, search path and role.
pub(super) fn stands(schema: &SchemaName) -> String {
    // asked of a path that leads nowhere, current_schema() would make a schema for temporary tables
    format!(
        "case when has_schema_privilege(to_regnamespace({name})::oid, 'usage')
             then current_schema()::text end as {LAST_ROW},
             current_setting('search_path'), current_user::text",
        name = literal(&Ident::from(schema).to_string()),
    )
}

/// One DO block that executes each file as a text of its own.
fn block<'a>(
    files: impl Iterator<Item = (&'a Version, &'a str, &'a str)> + Clone,
    defers: bool,
) -> (String, Vec<Step<'a>>) {
    let outer = dollar_tag(files.clone().map(|(_, _, sql)| sql));
    let inner = format!("{}x$", outer.trim_end_matches('$'));
    let (mut body, mut steps) = (String::from("\nbegin\n"), Vec::new());
    for (version, file, sql) in files {
        let block_line = body.matches('\n').count() + 1;
        // EXECUTE refuses a text that ends in SELECT … INTO
        let sql = format!("{sql}\n;select 1");
        write(&mut body, &format!("execute {inner}{sql}{inner};\n"));
        steps.push(Step { version, file, sql, block_line });
        if defers {
            body.push_str(SETTLE);
        }
    }
    if steps.is_empty() {
        return (String::new(), steps);
    }
    (format!("do {outer}{body}end {outer};\n"), steps)
}

fn write(text: &mut String, more: &str) {
    text.write_str(more).expect("a String takes all that is written");
}
