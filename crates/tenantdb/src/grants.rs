//! What a tenant's role may do: read and write its own schema's data, and nothing else.

mod revoke;

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::Promise;
use crate::ident::Ident;
use crate::migrations::VERSION_TABLE;

pub use revoke::revoke;

/// Lets the role use the schema and all that the migrations make in it, now and later: data of
/// tables and views, sequences, functions; of the version table it may only read. One message,
/// which names each object: nothing is looked up.
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
    sqlx::raw_sql(AssertSqlSafe(text(schema, role, promise))).execute(conn).await?;
    Ok(())
}

/// The text that grants all of it.
pub(crate) fn text(schema: &SchemaName, role: &RoleName, promise: &Promise) -> String {
    const DATA: &str = "select, insert, update, delete";
    let (schema, role) = (Ident::from(schema), Ident::from(role));
    let mut grants = format!(
        "grant usage on schema {schema} to {role};
         alter default privileges in schema {schema} grant {DATA} on tables to {role};
         alter default privileges in schema {schema} grant usage, select on sequences to {role};
         alter default privileges in schema {schema} grant execute on functions to {role};
         grant select on {schema}.{VERSION_TABLE} to {role}"
    );
    let objects = promise.grantable_in(&schema);
    for (right, names) in [
        (format!("{DATA} on"), objects.tables),
        ("usage, select on sequence".to_owned(), objects.sequences),
        ("execute on routine".to_owned(), objects.routines),
    ] {
        if !names.is_empty() {
            grants += &format!("; grant {right} {} to {role}", names.join(", "));
        }
    }
    grants
}
