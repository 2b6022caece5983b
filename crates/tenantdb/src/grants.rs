//! What a tenant's role may do: connect, read and write its own schema's data, and nothing else.
//!
//! It may connect as one of a group. A role that joins one has the group to itself until the
//! transaction ends, from PostgreSQL 16 on: so that comes last of all rights.

use domain::{RoleName, SchemaName};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::Promise;
use crate::ident::{Ident, dollar_tag, run};
use crate::makers;
use crate::role;
use crate::shared::TenantPath;

const REGRANTS: &str = include_str!("queries/regrants.sql");
const REVOKES: &str = include_str!("queries/revokes.sql");

/// The right of [`REGRANTS`] that follows the tenant's state.
const USAGE: &str = "grant usage on schema {schema} to {role};";

/// What a tenant may do with the rows of its tables.
pub(crate) const DATA: &str = "select, insert, update, delete";

/// Lets the role use the schema and all that the migrations make in it, now and later: data of
/// tables and views, sequences, functions. Takes it into the group of tenants, who may connect, unless it
/// is there. One message, which names each object.
///
/// "Later" holds for objects that the connected role makes: run migrations as the same role.
///
/// # Errors
/// When the schema, the role or a promised object does not exist, or is not ours to grant on.
pub async fn grant(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
    promise: &Promise,
) -> sqlx::Result<()> {
    let grants = text(schema, role, promise) + ";\n" + &join(conn, role);
    run(conn, grants).await
}

/// What [`grant`] does, for a schema at any version: the objects are looked up. Gives again what is
/// there already. One message.
///
/// # Errors
/// When the schema or the role does not exist, or an object is not ours to grant on.
pub async fn regrant(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    let regrants = of_both(REGRANTS, schema, role) + ";\n" + &join(conn, role);
    run(conn, regrants).await
}

/// Takes back every right of the role on the schema and on what is in it. One message; nothing
/// happens when either is gone. The objects are looked up: a schema to be undone may hold less than
/// the migrations promise, or more.
///
/// The role stays in the group of tenants until it is dropped: to leave would lock the group while
/// the schema is dropped, from PostgreSQL 16 on.
///
/// # Errors
/// When the schema is not ours to revoke on.
pub async fn revoke(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    run(conn, of_both(REVOKES, schema, role)).await
}

fn of_both(block: &str, schema: &SchemaName, role: &RoleName) -> String {
    let (schema, role) = (Ident::from(schema), Ident::from(role));
    block
        .replace("{tag}", "$tenantry$")
        .replace("{schema_text}", &schema.as_text())
        .replace("{role_text}", &role.as_text())
        .replace("{schema}", &schema.to_string())
        .replace("{role}", &role.to_string())
}

/// A tenant whose rights may be incomplete.
#[derive(Debug, Clone, Copy)]
pub struct Due<'a> {
    pub schema: &'a SchemaName,
    pub role: &'a RoleName,
    /// What its role is to have rights on; without it they stay as they are.
    pub promise: Option<&'a Promise>,
}

/// Gives each role what it lacks of [`grant`]'s rights on what is in the schema, and of the search path of
/// tenants, and says which had another path. The right to use the schema follows the tenant's state
/// ([`crate::door`]). One message where nothing is missing: what a migration makes comes with its rights.
///
/// # Errors
/// As [`grant`] and [`role::follow_path`].
pub async fn complete(
    conn: &mut PgConnection,
    tenants: &[Due<'_>],
    path: TenantPath,
) -> sqlx::Result<Vec<bool>> {
    let mut changed = Vec::with_capacity(tenants.len());
    let rows = rights(conn, tenants, path).await?;
    for (due, row) in tenants.iter().zip(&rows) {
        let (has_rights, has_path): (bool, bool) = (row.try_get("rights")?, row.try_get("path")?);
        if let Some(promise) = due.promise.filter(|_| !has_rights) {
            // An imported schema may hold less than is promised, or more.
            let objects = match row.try_get("imported")? {
                true => of_both(&REGRANTS.replace(USAGE, ""), due.schema, due.role),
                false => on_objects(due.schema, due.role, promise),
            };
            run(conn, objects + ";\n" + &join(conn, due.role)).await?;
        }
        changed.push(!has_path && role::follow_path(conn, due.role, due.schema, path).await?);
    }
    Ok(changed)
}

/// A row for each tenant, in their order: whether it has all `rights`, and the `path`.
async fn rights(
    conn: &mut PgConnection,
    tenants: &[Due<'_>],
    path: TenantPath,
) -> sqlx::Result<Vec<PgRow>> {
    let names = |name: fn(&Due<'_>) -> String| tenants.iter().map(name).collect::<Vec<_>>();
    // The objects of all, each beside the number of its tenant.
    let mut objects: [(Vec<i64>, Vec<String>); 3] = Default::default();
    for (due, number) in tenants.iter().zip(1..) {
        let Some(promise) = due.promise else { continue };
        let all = promise.grantable_in(&Ident::from(due.schema));
        for (of_kind, names) in objects.iter_mut().zip([all.tables, all.sequences, all.routines]) {
            of_kind.0.extend(names.iter().map(|_| number));
            of_kind.1.extend(names);
        }
    }
    let mut query = sqlx::query(include_str!("queries/has_rights.sql"))
        .bind(names(|due| due.role.as_str().to_owned()))
        .bind(names(|due| Ident::from(&due.role.its_group()).to_string()))
        .bind(names(|due| due.schema.as_str().to_owned()))
        .bind(path.rest());
    for (numbers, names) in objects {
        query = query.bind(numbers).bind(names);
    }
    query.fetch_all(conn).await
}

/// A block that takes the role into the group unless it is there.
fn join(conn: &PgConnection, role: &RoleName) -> String {
    let (member, group) = (Ident::from(role), Ident::from(&role.its_group()));
    let grant = makers::changing_in_block(conn, role, format!("grant {group} to {member}"));
    let oid = |name: &Ident| format!("to_regrole({})", name.as_text());
    let is_member = format!("pg_has_role({}, {}, 'member')", oid(&member), oid(&group));
    let tag = dollar_tag([grant.as_str()]);
    format!("do {tag} begin if not {is_member} then {grant}; end if; end {tag}")
}

/// The text that grants all on the schema and in it.
pub(crate) fn text(schema: &SchemaName, role: &RoleName, promise: &Promise) -> String {
    let usage = format!("grant usage on schema {} to {}", Ident::from(schema), Ident::from(role));
    usage + ";\n" + &on_objects(schema, role, promise)
}

/// The text that grants all on what is in the schema, now and later.
fn on_objects(schema: &SchemaName, role: &RoleName, promise: &Promise) -> String {
    let (schema, role) = (Ident::from(schema), Ident::from(role));
    let mut grants = format!(
        "alter default privileges in schema {schema} grant {DATA} on tables to {role};
         alter default privileges in schema {schema} grant usage, select on sequences to {role};
         alter default privileges in schema {schema} grant execute on functions to {role}"
    );
    let objects = promise.grantable_in(&schema);
    for (right, names) in [
        (format!("{DATA} on"), &objects.tables),
        ("usage, select on sequence".to_owned(), &objects.sequences),
        ("execute on routine".to_owned(), &objects.routines),
    ] {
        if !names.is_empty() {
            grants += &format!("; grant {right} {} to {role}", names.join(", "));
        }
    }
    // in a shared database PUBLIC may call what is made
    if !objects.routines.is_empty() {
        grants += &format!("; revoke all on routine {} from public", objects.routines.join(", "));
    }
    grants
}
