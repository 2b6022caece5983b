//! Takes a role's rights back.

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ident::{Ident, literal};

const REVOKES: &str = include_str!("../queries/revokes.sql");

/// Takes back every right of the role on the schema and on what is in it. One message; nothing
/// happens when either is gone. Its place in the group of tenants goes with the role: to leave would
/// lock the group while the schema is dropped, from PostgreSQL 16 on. Looks the objects up: a schema to be undone may hold less than
/// the migrations promise, or more.
///
/// # Errors
/// When the schema is not ours to revoke on.
pub async fn revoke(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    let (schema, role) = (Ident::from(schema).to_string(), Ident::from(role).to_string());
    let revokes = REVOKES
        .replace("{tag}", "$tenantry$")
        .replace("{schema_text}", &literal(&schema))
        .replace("{role_text}", &literal(&role))
        .replace("{schema}", &schema)
        .replace("{role}", &role);
    sqlx::raw_sql(AssertSqlSafe(revokes)).execute(conn).await?;
    Ok(())
}
