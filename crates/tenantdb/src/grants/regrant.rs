//! Gives a role its rights on a schema that has been there for a while.

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

use super::join;
use crate::ident::{Ident, literal};

const REGRANTS: &str = include_str!("../queries/regrants.sql");

/// What [`grant`](super::grant) does, for a schema at any version: the objects are looked up. Gives
/// again what is there already. One message.
///
/// # Errors
/// When the schema or the role does not exist, or an object is not ours to grant on.
pub async fn regrant(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    let join = join(conn, role);
    let (schema, role) = (Ident::from(schema).to_string(), Ident::from(role).to_string());
    let regrants = REGRANTS
        .replace("{tag}", "$tenantry$")
        .replace("{schema_text}", &literal(&schema))
        .replace("{role_text}", &literal(&role))
        .replace("{schema}", &schema)
        .replace("{role}", &role);
    sqlx::raw_sql(AssertSqlSafe(regrants + ";\n" + &join)).execute(conn).await?;
    Ok(())
}
