//! Takes a role's rights back.

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

use super::if_member;
use crate::ident::{Ident, literal};
use crate::makers;

const REVOKES: &str = include_str!("../queries/revokes.sql");

/// Takes back every right of the role on the schema and on what is in it, and takes the role out of
/// the group of tenants. One message; nothing
/// happens when either is gone. Looks the objects up: a schema to be undone may hold less than
/// the migrations promise, or more.
///
/// # Errors
/// When the schema is not ours to revoke on.
pub async fn revoke(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    let leave = leave(conn, role);
    let (schema, role) = (Ident::from(schema).to_string(), Ident::from(role).to_string());
    let revokes = REVOKES
        .replace("{tag}", "$tenantry$")
        .replace("{schema_text}", &literal(&schema))
        .replace("{role_text}", &literal(&role))
        .replace("{schema}", &schema)
        .replace("{role}", &role);
    sqlx::raw_sql(AssertSqlSafe(revokes + ";\n" + &leave)).execute(conn).await?;
    Ok(())
}

fn leave(conn: &PgConnection, role: &RoleName) -> String {
    let (member, group) = (Ident::from(role), Ident::from(&role.its_group()));
    let revoke = makers::changing_in_block(conn, role, format!("revoke {group} from {member}"));
    if_member(role, "", &revoke)
}
