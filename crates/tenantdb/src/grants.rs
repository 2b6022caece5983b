//! What a tenant's role may do: connect, read and write its own schema's data, and nothing else.
//!
//! It may connect as one of a group. A role that joins one has the group to itself until the
//! transaction ends, from PostgreSQL 16 on: so that comes last of all rights.

mod regrant;
mod revoke;

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::Promise;
use crate::ident::{Ident, dollar_tag, literal};
use crate::makers;
use crate::path::TenantPath;
use crate::role;

pub use regrant::regrant;
pub use revoke::revoke;

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
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(conn).await?;
    Ok(())
}

/// Gives the role what it lacks of [`grant`]'s rights and of the search path of tenants, and says whether it
/// had another path. One message where nothing is missing: what a migration makes comes with its rights.
/// Without a promise the rights stay as they are.
///
/// # Errors
/// As [`grant`] and [`role::follow_path`].
pub async fn complete(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
    promise: Option<&Promise>,
    path: TenantPath,
) -> sqlx::Result<bool> {
    let ident = Ident::from(schema);
    let objects = promise.map(|promise| promise.grantable_in(&ident)).unwrap_or_default();
    let row = sqlx::query(include_str!("queries/has_rights.sql"))
        .bind(role.as_str())
        .bind(ident.to_string())
        .bind(objects.tables)
        .bind(objects.sequences)
        .bind(objects.routines)
        .bind(Ident::from(&role.its_group()).to_string())
        .bind(schema.as_str())
        .bind(path.rest())
        .fetch_optional(&mut *conn)
        .await?;
    let has = |column| row.as_ref().map_or(Ok(false), |row| row.try_get(column));
    let (has_rights, has_path): (bool, bool) = (has("rights")?, has("path")?);
    if let Some(promise) = promise.filter(|_| !has_rights) {
        grant(conn, schema, role, promise).await?;
    }
    if has_path { Ok(false) } else { role::follow_path(conn, role, schema, path).await }
}

/// A block that takes the role into the group unless it is there.
fn join(conn: &PgConnection, role: &RoleName) -> String {
    let (member, group) = (Ident::from(role), Ident::from(&role.its_group()));
    let grant = makers::changing_in_block(conn, role, format!("grant {group} to {member}"));
    let oid = |name: &Ident| format!("to_regrole({})", literal(&name.to_string()));
    let is_member = format!("pg_has_role({}, {}, 'member')", oid(&member), oid(&group));
    let tag = dollar_tag([grant.as_str()]);
    format!("do {tag} begin if not {is_member} then {grant}; end if; end {tag}")
}

/// The text that grants all on the schema and in it.
pub(crate) fn text(schema: &SchemaName, role: &RoleName, promise: &Promise) -> String {
    let (schema, role) = (Ident::from(schema), Ident::from(role));
    let mut grants = format!(
        "grant usage on schema {schema} to {role};
         alter default privileges in schema {schema} grant {DATA} on tables to {role};
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
