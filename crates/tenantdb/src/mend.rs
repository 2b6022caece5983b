//! Puts a tenant's role and the rights in its schema back to what they were when it was made.

use domain::SchemaName;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::ident::Ident;
use crate::makers;
use crate::promise::Promise;
use crate::survey::{self, Grant, Subject};
use crate::{grants, verify};

/// Gives the role its attributes, settings, group and rights again, and takes from it and from others
/// what neither Tenantry nor a migration gave. The role's password stays, and its connection limit too
/// unless it is 0. What lies in the schema stays, but for its owner and the rights on it.
///
/// # Errors
/// SQLSTATE 42501 when the connected role may not do all of that; 42704 without the schema or the role.
pub async fn role_and_rights(
    conn: &mut PgConnection,
    schema: &SchemaName,
    subject: Subject<'_>,
    promise: &Promise,
    connection_limit: i32,
) -> sqlx::Result<()> {
    let role = subject.role;
    let text = role_text(conn, schema, subject, connection_limit).await?;
    sqlx::raw_sql(AssertSqlSafe(makers::changing(conn, role, text))).execute(&mut *conn).await?;
    leave_groups(conn, subject).await?;
    // a column's sequence changes its owner with the table, and not by itself
    take_back(conn, schema, subject, promise, |g| g.right == "OWNER" && !g.is_on_sequence())
        .await?;
    take_back(conn, schema, subject, promise, |_| true).await?;
    let (schema_name, role_name) = (Ident::from(schema), Ident::from(role));
    let create = format!("revoke create on schema {schema_name} from {role_name}");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *conn).await?;
    grants::regrant(conn, schema, role).await
}

/// Puts right those of the rights that are neither as Tenantry nor as a migration gave them.
async fn take_back(
    conn: &mut PgConnection,
    schema: &SchemaName,
    subject: Subject<'_>,
    promise: &Promise,
    wanted: impl Fn(&Grant) -> bool,
) -> sqlx::Result<()> {
    let found = survey::read_rights(conn, &[(schema, subject)], true).await?;
    let grants = found.iter().flat_map(|survey| verify::unasked(survey, promise));
    for grant in grants.filter(|grant| wanted(grant)) {
        sqlx::raw_sql(AssertSqlSafe(grant.remedy.clone())).execute(&mut *conn).await?;
    }
    Ok(())
}

/// The statements on the role. Attributes that only a superuser may name are named if the role has them.
async fn role_text(
    conn: &mut PgConnection,
    schema: &SchemaName,
    subject: Subject<'_>,
    connection_limit: i32,
) -> sqlx::Result<String> {
    let row = sqlx::query(
        "select rolsuper, rolreplication, rolbypassrls, rolconnlimit = 0,
             quote_ident(current_database())
         from pg_catalog.pg_roles where rolname = $1",
    )
    .bind(subject.role.as_str())
    .fetch_one(conn)
    .await?;
    let mut attributes = "login inherit nocreatedb nocreaterole valid until 'infinity'".to_owned();
    for (at, attribute) in [" nosuperuser", " noreplication", " nobypassrls"].iter().enumerate() {
        if row.try_get(at)? {
            attributes += attribute;
        }
    }
    if row.try_get(3)? {
        attributes += &format!(" connection limit {connection_limit}");
    }
    let (database, role, schema): (String, _, _) =
        (row.try_get(4)?, Ident::from(subject.role), Ident::from(schema));
    Ok(format!(
        "alter role {role} {attributes};
         alter role {role} reset all;
         alter role {role} in database {database} reset all;
         alter role {role} set search_path to {schema}, pg_temp"
    ))
}

/// Takes the role out of every group but the tenants'.
async fn leave_groups(conn: &mut PgConnection, subject: Subject<'_>) -> sqlx::Result<()> {
    let groups: Vec<String> = sqlx::query_scalar(
        "select m.roleid::regrole::text from pg_catalog.pg_auth_members m
         where m.member = to_regrole(quote_ident($1))::oid
             and m.roleid is distinct from to_regrole(quote_ident($2))::oid",
    )
    .bind(subject.role.as_str())
    .bind(subject.role.its_group().as_str())
    .fetch_all(&mut *conn)
    .await?;
    for group in groups {
        let leave = format!("revoke {group} from {}", Ident::from(subject.role));
        sqlx::raw_sql(AssertSqlSafe(leave)).execute(&mut *conn).await?;
    }
    Ok(())
}
