//! One message that reads all there is to know of a schema, or of several; and a second one of those
//! in which rights are not as we give them, which says whose.
//!
//! It is not prepared: every CREATE SCHEMA, by anybody, makes the server plan all prepared
//! statements anew, so that during provisioning they would be planned each time anyway. What
//! counts is that each statement is cheap to plan; rarer kinds of object are asked for only
//! where there is reason to.
//!
//! Definitions name every object with its schema: the message looks at `pg_catalog` alone and
//! puts the search path back.

use std::fmt;

use domain::{RoleName, SchemaName};
use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::ident::{Ident, literal};
use crate::mark::Mark;
use crate::shape::Shape;
use crate::shared::TenantPath;

const RELATIONS: &str = include_str!("queries/relations.sql");
const OBJECTS: &str = include_str!("queries/objects.sql");
const FUNCTIONS: &str = include_str!("queries/functions.sql");
const TYPES: &str = include_str!("queries/types.sql");
const RIGHTS: &str = include_str!("queries/rights.sql");
const AS_GIVEN: &str = include_str!("queries/as_given.sql");
const GRANTS: &str = include_str!("queries/grants.sql");
const TRIGGERS: &str = include_str!("queries/triggers.sql");
const POLICIES: &str = include_str!("queries/policies.sql");
const RULES: &str = include_str!("queries/rules.sql");
const DIGEST: &str = include_str!("queries/digest.sql");
const NOTHING: &str = "array[]::text[]";

const ENTER: &str =
    "select 'path', set_config('tenantry.path', current_setting('search_path'), true),
    set_config('search_path', 'pg_catalog', true)";
const LEAVE: &str =
    "select 'path', set_config('search_path', current_setting('tenantry.path'), true)";

/// A number that is another one when the statements that read a schema are others: shapes that were
/// read by them cannot be compared then.
#[must_use]
pub fn survey_format() -> i32 {
    use sha2::{Digest as _, Sha256};
    let statements = [RELATIONS, OBJECTS, FUNCTIONS, TYPES, TRIGGERS, POLICIES, RULES];
    let hash = Sha256::digest(statements.join(";"));
    i32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The rarer kinds of object, and whether to read their definitions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    pub(crate) triggers: bool,
    pub(crate) policies: bool,
    pub(crate) rules: bool,
    pub(crate) functions: bool,
    pub(crate) types: bool,
}

impl Depth {
    pub(crate) const FULL: Self =
        Self { triggers: true, policies: true, rules: true, functions: true, types: true };
}

/// A tenant, as its database is to know it.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    pub schema: &'a SchemaName,
    pub role: &'a RoleName,
    /// The mark that both bear.
    pub mark: Mark,
    /// Another's schema, which the role must be refused.
    pub neighbour: Option<&'a SchemaName>,
    /// The search path of tenants.
    pub path: TenantPath,
    /// The application's role, the only one that may be a member of the role.
    pub application_role: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) shape: Shape,
    /// In place of the shape: the same in any schema of the same shape. Empty: not asked for, or nothing is there.
    pub(crate) digest: String,
    pub(crate) relations: Vec<Relation>,
    /// Rights that are not as they were given to the tenant's role.
    pub(crate) grants: Vec<Grant>,
    /// Whether there may be such.
    pub(crate) unusual: bool,
    /// The schema's name as the server spells it in definitions.
    pub(crate) spelling: String,
    /// Whether each rule of `queries/rights.sql` is broken, in its order.
    pub(crate) broken: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) name: String,
    /// As in `pg_class.relkind`.
    pub(crate) kind: String,
}

/// A right that `queries/grants.sql` found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// PUBLIC, `the role`, or another role's name as SQL spells it.
    pub(crate) grantee: String,
    pub(crate) right: String,
    /// Kind and name; functions and types have their schema before it.
    pub(crate) object: String,
    /// The statement that puts it right.
    pub(crate) remedy: String,
}

/// Reads shape and rights of several tenants. An answer for each in order.
pub(crate) async fn read_all(
    conn: &mut PgConnection,
    subjects: &[Subject<'_>],
    depth: Depth,
) -> sqlx::Result<Vec<Survey>> {
    let seats = seats(subjects);
    take_with_grants(conn, &seats, message(&seats, depth)).await
}

/// Reads the digests of shapes, and rights, of several tenants. An answer for each in order.
pub(crate) async fn read_digests(
    conn: &mut PgConnection,
    subjects: &[Subject<'_>],
    depth: Depth,
) -> sqlx::Result<Vec<Survey>> {
    let rows = |statement: &str| {
        format!(
            "select n, concat_ws(e'\\t', object, definition) from ({statement}) o (kind, n, object, definition)"
        )
    };
    let parts = ["columns", "constraints", "indexes", "triggers", "policies", "rules"];
    let in_text = parts.map(|part| format!("array_to_string({part}, e'\\n')")).join(", ");
    let mut all = vec![format!(
        "select n, concat_ws(e'\\n', name, relkind, definition, {in_text})
         from ({}) r (kind, n, name, definition, {}, relkind)",
        relations(depth),
        parts.join(", "),
    )];
    all.push(rows(OBJECTS));
    all.extend(depth.functions.then(|| rows(FUNCTIONS)));
    all.extend(depth.types.then(|| rows(TYPES)));
    let digest = DIGEST.replace("{rows}", &all.join("\nunion all\n"));
    let seats = seats(subjects);
    take_with_grants(conn, &seats, about(&[ENTER, &digest, AS_GIVEN, RIGHTS, LEAVE], &seats)).await
}

/// Reads all there is of one schema, but for a tenant's rights.
pub(crate) async fn read(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<Survey> {
    let seats = [Seat { schema: schema.as_str(), subject: None }];
    let mut surveys = take_with_grants(conn, &seats, message(&seats, Depth::FULL)).await?;
    Ok(surveys.remove(0))
}

/// Reads the shape of a schema that is no tenant's.
pub(crate) async fn read_named(conn: &mut PgConnection, schema: &str) -> sqlx::Result<Shape> {
    let seats = [Seat { schema, subject: None }];
    Ok(take_all(conn, &seats, message(&seats, Depth::FULL)).await?.remove(0).shape)
}

/// Reads the marks, roles and rights of several tenants: rights on the objects in the schemas too, or
/// only those on the schemas themselves. An answer for each in order.
pub(crate) async fn read_rights(
    conn: &mut PgConnection,
    subjects: &[Subject<'_>],
    on_objects: bool,
) -> sqlx::Result<Vec<Survey>> {
    let statements: &[&str] =
        if on_objects { &[ENTER, RIGHTS, AS_GIVEN, LEAVE] } else { &[ENTER, RIGHTS, LEAVE] };
    let seats = seats(subjects);
    take_with_grants(conn, &seats, about(statements, &seats)).await
}

/// What the message reads of each; and a second one, of the schemas where a right may not be as we give
/// it, whose rights they are.
async fn take_with_grants(
    conn: &mut PgConnection,
    seats: &[Seat<'_>],
    message: String,
) -> sqlx::Result<Vec<Survey>> {
    let mut surveys = take_all(conn, seats, message).await?;
    let unusual: Vec<_> =
        seats.iter().zip(&mut surveys).filter(|(_, survey)| survey.unusual).collect();
    if unusual.is_empty() {
        return Ok(surveys);
    }
    let (seats, unusual): (Vec<Seat<'_>>, Vec<_>) =
        unusual.into_iter().map(|(seat, survey)| (*seat, survey)).unzip();
    let found = take_all(conn, &seats, about(&[ENTER, GRANTS, LEAVE], &seats)).await?;
    for (survey, found) in unusual.into_iter().zip(found) {
        survey.grants = found.grants;
    }
    Ok(surveys)
}

/// A schema to be read, and whose rights in it.
#[derive(Debug, Clone, Copy)]
struct Seat<'a> {
    schema: &'a str,
    subject: Option<&'a Subject<'a>>,
}

fn seats<'a>(subjects: &'a [Subject<'a>]) -> Vec<Seat<'a>> {
    let seat =
        |subject: &'a Subject<'a>| Seat { schema: subject.schema.as_str(), subject: Some(subject) };
    subjects.iter().map(seat).collect()
}

/// What the message reads of each.
async fn take_all(
    conn: &mut PgConnection,
    seats: &[Seat<'_>],
    message: String,
) -> sqlx::Result<Vec<Survey>> {
    let mut surveys: Vec<Survey> = seats.iter().map(|_| Survey::default()).collect();
    let mut rows = sqlx::raw_sql(AssertSqlSafe(message)).fetch(conn);
    while let Some(row) = rows.try_next().await? {
        if row.try_get::<&str, _>(0)? == "path" {
            continue;
        }
        let n = usize::try_from(row.try_get::<i32, _>(1)?).unwrap_or(usize::MAX);
        if let Some(survey) = surveys.get_mut(n) {
            survey.take(&row)?;
        }
    }
    Ok(surveys)
}

fn relations(depth: Depth) -> String {
    let pick = |wanted: bool, text| if wanted { text } else { NOTHING };
    RELATIONS
        .replace("{triggers}", pick(depth.triggers, TRIGGERS))
        .replace("{policies}", pick(depth.policies, POLICIES))
        .replace("{rules}", pick(depth.rules, RULES))
}

fn message(seats: &[Seat<'_>], depth: Depth) -> String {
    let relations = relations(depth);
    let mut statements = vec![ENTER, &relations, OBJECTS, AS_GIVEN];
    statements.extend(depth.functions.then_some(FUNCTIONS));
    statements.extend(depth.types.then_some(TYPES));
    let with_rights = seats.iter().any(|seat| seat.subject.is_some());
    statements.extend(with_rights.then_some(RIGHTS));
    statements.push(LEAVE);
    about(&statements, seats)
}

/// The statements, of these seats.
fn about(statements: &[&str], seats: &[Seat<'_>]) -> String {
    statements.join(";\n").replace("{subjects}", &subjects(seats))
}

/// A row for each seat: the oids of all that is asked of it. The names are looked up in columns, not
/// one by one in a list of VALUES, of which the server would analyse every call; and once, hence the
/// OFFSET.
fn subjects(seats: &[Seat<'_>]) -> String {
    let columns: [fn(&Seat<'_>) -> Option<String>; 8] = [
        |seat| Some(seat.schema.to_owned()),
        |seat| Some(Ident::quote(seat.schema).to_string()),
        |seat| Some(Ident::from(seat.subject?.role).to_string()),
        |seat| {
            let group = RoleName::group(&seat.subject?.mark.installation);
            Some(Ident::from(&group).to_string())
        },
        |seat| Some(seat.subject?.mark.to_string()),
        |seat| {
            let neighbour =
                seat.subject?.neighbour.filter(|other| other.as_str() != seat.schema)?;
            Some(Ident::from(neighbour).to_string())
        },
        |seat| Some(seat.subject?.path.rest()),
        |seat| Some(Ident::quote(seat.subject?.application_role?).to_string()),
    ];
    let columns = columns.map(|cell| {
        let cell = |seat| cell(seat).map_or_else(|| "null".to_owned(), |text| literal(&text));
        let cells: Vec<String> = seats.iter().map(cell).collect();
        format!("array[{}]::text[]", cells.join(", "))
    });
    format!(
        "(select (n - 1)::int, name, to_regnamespace(schema)::oid, to_regrole(role)::oid,
             to_regrole(tenants)::oid, mark, to_regnamespace(neighbour)::oid, path,
             to_regrole(application)::oid
         from unnest({}) with ordinality
             u (name, schema, role, tenants, mark, neighbour, path, application, n)
         offset 0) s (n, name, schema, role, tenants, mark, neighbour, path, application)",
        columns.join(", ")
    )
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { grantee, right, object, .. } = self;
        match right.as_str() {
            "OWNER" => write!(f, "{object} belongs to {grantee}"),
            right => match right.strip_prefix("LACKS ") {
                Some(right) => write!(f, "{grantee} lacks {right} on {object}"),
                None => write!(f, "{grantee} has {right} on {object}"),
            },
        }
    }
}

impl Survey {
    fn take(&mut self, row: &PgRow) -> sqlx::Result<()> {
        match row.try_get::<&str, _>(0)? {
            "relation" => self.relation(row)?,
            "object" => {
                let definition: Option<String> = row.try_get(3)?;
                self.shape.insert(row.try_get(2)?, definition.unwrap_or_default());
            }
            "definition" => {
                let object: String = row.try_get(2)?;
                self.shape.insert(format!("definition of {object}"), row.try_get(3)?);
            }
            "rights" => {
                self.spelling = row.try_get(2)?;
                for rule in 3..row.len() {
                    self.broken.push(row.try_get::<Option<bool>, _>(rule)?.unwrap_or(false));
                }
            }
            "digest" => self.digest = row.try_get(2)?,
            "unusual" => self.unusual = true,
            "grant" => self.grants.push(Grant {
                grantee: row.try_get(2)?,
                right: row.try_get(3)?,
                object: row.try_get(4)?,
                remedy: row.try_get(5)?,
            }),
            _ => {}
        }
        Ok(())
    }

    fn relation(&mut self, row: &PgRow) -> sqlx::Result<()> {
        let name: String = row.try_get(2)?;
        let kind: String = row.try_get(10)?;
        self.shape.insert(format!("{} {name}", noun(&kind)), row.try_get(3)?);
        for (at, part_kind) in
            ["column", "constraint", "index", "trigger", "policy", "rule"].iter().enumerate()
        {
            for part in row.try_get::<Vec<String>, _>(4 + at)? {
                let (part, definition) = part.split_once('\t').unwrap_or((&part, ""));
                self.shape.insert(format!("{part_kind} {name}.{part}"), definition.to_owned());
            }
        }
        self.relations.push(Relation { name, kind });
        Ok(())
    }
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "r" | "p" => "table",
        "S" => "sequence",
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "relation",
    }
}
