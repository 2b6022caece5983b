//! What a tenant's role may do: read and write its own schema's data, and nothing else.

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ident::{Ident, literal};

const GRANTS: &str = include_str!("queries/grants.sql");
const REVOKES: &str = include_str!("queries/revokes.sql");

/// Lets the role use the schema and all that is in it now and later: data of tables and views,
/// sequences, functions; of the version table it may only read. One message, at the cost of the
/// schema's own objects however many others there are.
///
/// "Later" holds for objects that the connected role makes: run migrations as the same role.
///
/// # Errors
/// When the schema or the role does not exist, or is not ours to grant on.
pub async fn grant(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    run(conn, GRANTS, schema, role).await
}

/// Takes back what [`grant`] gave. One message; nothing happens when either is gone.
///
/// # Errors
/// When the schema is not ours to revoke on.
pub async fn revoke(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    run(conn, REVOKES, schema, role).await
}

async fn run(
    conn: &mut PgConnection,
    statements: &str,
    schema: &SchemaName,
    role: &RoleName,
) -> sqlx::Result<()> {
    let (schema, role) = (Ident::from(schema).to_string(), Ident::from(role).to_string());
    let statements = statements
        .replace("{tag}", "$tenantry$")
        .replace("{schema_text}", &literal(&schema))
        .replace("{role_text}", &literal(&role))
        .replace("{schema}", &schema)
        .replace("{role}", &role);
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(conn).await?;
    Ok(())
}
