//! Writes the one block that takes a schema from whatever version it has to where it should be.
//!
//! The block restores the search path it found: statements that others prepared on this
//! connection stay planned, and what follows cannot land in the tenant's schema by accident.

use std::fmt::Write as _;

use domain::SchemaName;

use super::VERSION_TABLE;
use super::set::{MigrationSet, hex};
use crate::ident::{Ident, dollar_tag, literal};

/// A block, and in which of its lines which text is executed.
#[derive(Debug)]
pub(super) struct Script<'a> {
    pub(super) text: String,
    pub(super) steps: Vec<Step<'a>>,
}

/// One file in a script.
#[derive(Debug, Clone)]
pub(super) struct Step<'a> {
    pub(super) version: i64,
    pub(super) file: &'a str,
    pub(super) sql: &'a str,
    /// The line of its EXECUTE as the server counts: within the block, from 1.
    pub(super) block_line: usize,
}

/// SQLSTATEs that a script raises by itself, with a version as the detail.
pub(super) mod raised {
    pub(in crate::migrations) const EDITED: &str = "TN001";
    pub(in crate::migrations) const UNKNOWN: &str = "TN002";
    pub(in crate::migrations) const ESCAPED: &str = "TN003";
    pub(in crate::migrations) const IRREVERSIBLE: &str = "TN004";
}

const DECLARATIONS: &str = "
declare
    path text := current_setting('search_path');
    actor text := current_user;
    xact text := pg_current_xact_id()::text;
    had bigint[] := '{}';
    bad bigint;
    goal bigint;
begin
";

/// Creates the version table where there is none, or compares what it says; then applies all
/// that is pending and records it. Ends with one row: the versions that were there before.
pub(super) fn up<'a>(schema: &SchemaName, set: &'a MigrationSet) -> Script<'a> {
    let mut body = Body::new(schema, set.iter().flat_map(|m| [m.sql(), m.description()]));
    let known = known(set);
    let table = body.table.clone();
    let creation = format!(
        "if to_regclass({regclass}) is null then
             create table {table} (version bigint primary key, description text not null,
                 checksum bytea not null, applied_at timestamptz not null default now());
         else
             select coalesce(array_agg(version order by version), '{{}}') into had from {table};
             select t.version into bad from {table} t left join ({known}) k using (version)
                 where k.version is null order by 1 limit 1;
             {unknown}
             select t.version into bad from {table} t join ({known}) k using (version)
                 where k.checksum <> t.checksum order by 1 limit 1;
             {edited}
         end if;\n",
        regclass = literal(&table),
        unknown = raise_if("bad is not null", raised::UNKNOWN, "bad"),
        edited = raise_if("bad is not null", raised::EDITED, "bad"),
    );
    body.push(&creation);
    body.enter();
    for migration in set {
        body.execute(
            migration.version(),
            migration.file(),
            migration.sql(),
            &format!("if {} <> all(had) then", migration.version()),
            "",
        );
    }
    body.push(&format!(
        "insert into {table} (version, description, checksum)
         select version, description, checksum from ({known}) k where version <> all(had);\n"
    ));
    body.finish()
}

/// Takes back what is newer than the target, newest first; without a target the newest one only.
pub(super) fn down<'a>(
    schema: &SchemaName,
    set: &'a MigrationSet,
    target: Option<i64>,
) -> Script<'a> {
    let downs = set.iter().filter_map(|m| m.down().map(|d| d.sql.as_str()));
    let mut body = Body::new(schema, downs);
    let table = body.table.clone();
    let versions: Vec<String> = set.iter().map(|m| format!("({})", m.version())).collect();
    let unknown = if versions.is_empty() { "(null)".to_owned() } else { versions.join(", ") };
    let reading = format!(
        "if to_regclass({regclass}) is not null then
             select coalesce(array_agg(version order by version), '{{}}') into had from {table};
         end if;
         goal := coalesce({target}, had[cardinality(had) - 1], 0);
         select h.version into bad from unnest(had) h(version)
             where h.version > goal
                 and not exists (select from (values {unknown}) k(version) where k.version = h.version)
             order by 1 limit 1;
         {refuse}\n",
        regclass = literal(&table),
        target = target.map_or_else(|| "null".to_owned(), |t| format!("{t}::bigint")),
        refuse = raise_if("bad is not null", raised::UNKNOWN, "bad"),
    );
    body.push(&reading);
    body.enter();
    for migration in set.iter().rev() {
        let version = migration.version();
        let condition = format!("{version} = any(had) and {version} > goal");
        match migration.down() {
            Some(down) => body.execute(
                version,
                &down.file,
                &down.sql,
                &format!("if {condition} then"),
                &format!("delete from {table} where version = {version};"),
            ),
            None => body.push(&raise_if(&condition, raised::IRREVERSIBLE, &version.to_string())),
        }
    }
    body.finish()
}

/// The set as a subquery with version, description and checksum.
fn known(set: &MigrationSet) -> String {
    if set.iter().next().is_none() {
        return "select null::bigint version, null::text description, null::bytea checksum \
                where false"
            .to_owned();
    }
    let rows: Vec<String> = set
        .iter()
        .map(|m| {
            let description = literal(m.description());
            format!("({}::bigint, {description}, '\\x{}'::bytea)", m.version(), hex(m.checksum()))
        })
        .collect();
    format!("select * from (values {}) v (version, description, checksum)", rows.join(", "))
}

fn raise_if(condition: &str, code: &str, version: &str) -> String {
    format!(
        "if {condition} then raise exception using errcode = '{code}', \
         message = 'migration refused', detail = ({version})::text; end if;"
    )
}

/// The block as it grows.
struct Body<'a> {
    schema: String,
    /// Whether the schema is there and ours to use. Asked first: of a path that leads nowhere,
    /// `current_schema()` would make a schema for temporary tables.
    usable: String,
    path: String,
    table: String,
    tag: String,
    text: String,
    steps: Vec<Step<'a>>,
}

impl<'a> Body<'a> {
    fn new(schema: &SchemaName, texts: impl Iterator<Item = &'a str> + Clone) -> Self {
        let name = Ident::from(schema);
        Self {
            schema: literal(schema.as_str()),
            usable: format!(
                "coalesce(has_schema_privilege(to_regnamespace({})::oid, 'usage'), false)",
                literal(&name.to_string())
            ),
            path: literal(&format!("{name}, pg_temp")),
            table: format!("{name}.{VERSION_TABLE}"),
            tag: dollar_tag(texts),
            text: DECLARATIONS.to_owned(),
            steps: Vec::new(),
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn enter(&mut self) {
        let (schema, path) = (&self.schema, &self.path);
        let enter = format!("perform set_config('search_path', {path}, true);\n")
            + &raise_if(
                &format!("not {} or current_schema() is distinct from {schema}", self.usable),
                "3F000",
                "'no such schema'",
            );
        self.push(&enter);
    }

    /// Executes a file under a condition, then looks whether we still are where we were.
    fn execute(&mut self, version: i64, file: &'a str, sql: &'a str, condition: &str, then: &str) {
        self.push(condition);
        let block_line = self.text.matches('\n').count() + 1;
        self.steps.push(Step { version, file, sql, block_line });
        let (tag, schema, path) =
            (format!("{}x$", self.tag.trim_end_matches('$')), &self.schema, &self.path);
        let escaped = format!(
            "current_user <> actor or not {} or current_schema() is distinct from {schema}
             or current_setting('search_path') <> {path}
             or pg_current_xact_id()::text <> xact",
            self.usable
        );
        let guard = raise_if(&escaped, raised::ESCAPED, &version.to_string());
        self.push(&format!("execute {tag}{sql}{tag};\n{guard}\n{then}\nend if;"));
    }

    fn finish(mut self) -> Script<'a> {
        self.push(
            "perform set_config('search_path', path, true);
             perform set_config('tenantry.had', array_to_string(had, ','), true);
             end",
        );
        let (tag, body) = (&self.tag, &self.text);
        let mut text = String::with_capacity(body.len() + 64);
        write!(text, "do {tag}{body}{tag}; select current_setting('tenantry.had')")
            .expect("a String takes all that is written");
        Script { text, steps: self.steps }
    }
}
