//! Writes the one message that takes a schema from the version it has to where it should be.
//!
//! The files run inside a DO block: there the server refuses COMMIT, whatever a file holds, and says
//! which file failed. The message ends with a row that tells where it stood then, and puts the search
//! path back: statements that others prepared on this connection stay planned, and what follows cannot
//! land in the tenant's schema by accident.
//!
//! For schemas in which nothing is, the same texts run without the block, which costs a sixth more of
//! the server's time where a transaction makes several: [`plain`].

use std::fmt::Write as _;

use domain::{MAX_VERSION_CHARACTERS, SchemaName, Version};

use super::VERSION_TABLE;
use super::set::Migration;
use super::state::State;
use crate::ident::{Ident, dollar_tag, literal};

/// Ends what a file deferred, in the language of a block.
const SETTLE: &str = include_str!("../queries/settle_constraints.sql");

/// Longest description recorded, in characters. The columns of the version table are bounded so that
/// no row of it can need a TOAST table: two relations less for each tenant, of fifteen.
const DESCRIPTION_LENGTH: usize = 200;

/// Characters of a checksum: 384 bits in hexadecimal.
const CHECKSUM_LENGTH: usize = 96;

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

/// A way back, and how the version table spells what it takes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) version: &'a Version,
    pub(super) recorded: &'a Version,
    pub(super) file: &'a str,
    pub(super) sql: &'a str,
}

/// Creates the version table where there is none, applies the migrations and records them.
pub(super) fn up<'a>(
    schema: &SchemaName,
    state: &State,
    pending: &[&'a Migration],
    defers: bool,
) -> Script<'a> {
    let files = pending.iter().map(|m| (m.version(), m.file(), m.sql()));
    let (block, steps) = block(files, defers);
    let mut text = enter(schema, state);
    if state.applied.is_none() {
        write(&mut text, &version_table(schema));
    }
    // recorded first: what a file leaves us as, role or path, then harms nothing but itself
    let numbers = state.numbers && pending.iter().all(|m| m.version().number().is_some());
    if state.numbers && !numbers {
        write(&mut text, &widened(schema));
    }
    write(&mut text, &record(schema, pending, numbers));
    write(&mut text, &block);
    write(&mut text, &leave(schema, state));
    Script { text, steps }
}

/// The same for schemas in which nothing is, with the files' texts as they are. Only for a set that
/// was applied by [`up`] once: there a statement that ends a transaction has failed.
///
/// The records come last, of all schemas: a row written keeps a lock on its table until the COMMIT, and
/// a session that keeps more than a few of those pays more for every other lock.
pub(super) fn plain(
    schemas: &[&SchemaName],
    state: &State,
    all: &[&Migration],
    defers: bool,
) -> String {
    let mut text = String::new();
    for schema in schemas {
        write(&mut text, &(enter(schema, state) + &version_table(schema)));
        for migration in all {
            // A text may end in a comment, or without a semicolon.
            write(&mut text, &format!("{}\n;\n", migration.sql()));
            if defers {
                write(&mut text, &format!("do $settle$ begin\n{SETTLE}end $settle$;\n"));
            }
        }
        write(&mut text, &(leave(schema, state) + ";\n"));
    }
    for schema in schemas {
        write(&mut text, &record(schema, all, false));
    }
    text
}

fn version_table(schema: &SchemaName) -> String {
    format!(
        "create table {}.{VERSION_TABLE} (version varchar({MAX_VERSION_CHARACTERS}) primary key,
             description varchar({DESCRIPTION_LENGTH}) not null,
             checksum varchar({CHECKSUM_LENGTH}) not null,
             applied_at timestamptz not null default now());\n",
        Ident::from(schema)
    )
}

/// Turns a version table of the release before, whose versions are numbers, into one of texts. Asked
/// for as late as when it has to hold a version that is no plain number: from PostgreSQL 16 on the
/// server takes `20250102_000001` for a number, without its underscore.
fn widened(schema: &SchemaName) -> String {
    format!(
        "alter table {}.{VERSION_TABLE} alter column version
             type varchar({MAX_VERSION_CHARACTERS}) using version::text;\n",
        Ident::from(schema)
    )
}

fn record(schema: &SchemaName, pending: &[&Migration], numbers: bool) -> String {
    if pending.is_empty() {
        return String::new();
    }
    let rows: Vec<String> = pending.iter().map(|m| row(m, numbers)).collect();
    format!(
        "insert into {}.{VERSION_TABLE} (version, description, checksum) values {};\n",
        Ident::from(schema),
        rows.join(", ")
    )
}

/// Runs the ways back in the order given and forgets their versions.
pub(super) fn down<'a>(
    schema: &SchemaName,
    state: &State,
    back: &[Back<'a>],
    defers: bool,
) -> Script<'a> {
    let table = format!("{}.{VERSION_TABLE}", Ident::from(schema));
    let (block, steps) = block(back.iter().map(|back| (back.version, back.file, back.sql)), defers);
    let versions: Vec<String> = back.iter().map(|back| literal(back.recorded.as_str())).collect();
    let mut text = enter(schema, state);
    if !versions.is_empty() {
        let versions = versions.join(", ");
        write(&mut text, &format!("delete from {table} where version::text in ({versions});\n"));
    }
    write(&mut text, &block);
    write(&mut text, &leave(schema, state));
    Script { text, steps }
}

fn enter(schema: &SchemaName, state: &State) -> String {
    let path = literal(&state.tenants.of(schema));
    format!("select set_config('search_path', {path}, true);\n")
}

/// What the first column is called of the row that a script ends with.
pub(super) const LAST_ROW: &str = "tenantry_stands_in";

/// The row a script ends with: current schema, search path and role.
fn leave(schema: &SchemaName, state: &State) -> String {
    // asked of a path that leads nowhere, current_schema() would make a schema for temporary tables
    format!(
        "select case when has_schema_privilege(to_regnamespace({name})::oid, 'usage')
             then current_schema()::text end as {LAST_ROW},
             current_setting('search_path'), current_user::text,
             set_config('search_path', {back}, true)",
        name = literal(&Ident::from(schema).to_string()),
        back = literal(&state.path)
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

fn row(migration: &Migration, number: bool) -> String {
    let description: String = migration.description().chars().take(DESCRIPTION_LENGTH).collect();
    let (description, checksum) = (literal(&description), literal(migration.checksum()));
    let version = match migration.version().number() {
        Some(version) if number => version.to_string(),
        _ => literal(migration.version().as_str()),
    };
    format!("({version}, {description}, {checksum})")
}

fn write(text: &mut String, more: &str) {
    text.write_str(more).expect("a String takes all that is written");
}
