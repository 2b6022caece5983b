//! Whether a tenant's users get in: its role's right to log in and to use the schema.
//!
//! A role that may not log in keeps the sessions it has, and an application that becomes the role never logs
//! in as it. The right to use the schema is asked for by each statement, those prepared before included.

use domain::{RoleName, SchemaName};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{ident::Ident, makers};

/// The role and the schema of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    pub role: &'a RoleName,
    pub schema: &'a SchemaName,
}

/// What lets the tenant's users in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// The role may log in.
    pub login: bool,
    /// The role may use the schema.
    pub usage: bool,
}

pub const OPEN: Rights = Rights { login: true, usage: true };
pub const CLOSED: Rights = Rights { login: false, usage: false };

/// What each role may do now, in the order of `doors`; nothing where it or the schema is missing.
pub async fn rights(conn: &mut PgConnection, doors: &[Door<'_>]) -> sqlx::Result<Vec<Rights>> {
    let names = |name: fn(&Door<'_>) -> String| doors.iter().map(name).collect::<Vec<_>>();
    let rows: Vec<(bool, bool)> = sqlx::query_as(
        "select coalesce(r.rolcanlogin, false),
                exists (select from pg_catalog.aclexplode(n.nspacl) a
                        where a.grantee = r.oid and a.privilege_type = 'USAGE')
         from unnest($1::text[], $2::text[]) with ordinality as t (role, schema, place)
         -- the OFFSETs: each by its name, and not in a hash of all there are
         left join lateral (select a.oid, a.rolcanlogin from pg_catalog.pg_roles a
                            where a.rolname = t.role offset 0) r on true
         left join lateral (select a.nspacl from pg_catalog.pg_namespace a
                            where a.nspname = t.schema offset 0) n on true
         order by t.place",
    )
    .bind(names(|door| door.role.as_str().to_owned()))
    .bind(names(|door| door.schema.as_str().to_owned()))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(login, usage)| Rights { login, usage }).collect())
}

/// Gives each role exactly these rights, of which it has the others `now`. One message.
///
/// # Errors
/// SQLSTATE 42704 without the role, 3F000 without the schema, 42501 when it may not be changed.
pub async fn set(
    conn: &mut PgConnection,
    doors: &[(Door<'_>, Rights, Rights)],
) -> sqlx::Result<()> {
    let mut text = String::new();
    for (Door { role, schema }, now, then) in doors {
        let (name, schema) = (Ident::from(*role), Ident::from(*schema));
        if now.login != then.login {
            let right = if then.login { "login" } else { "nologin" };
            text += &makers::changing(conn, role, format!("alter role {name} {right}"));
            text += ";\n";
        }
        match (now.usage, then.usage) {
            (true, false) => text += &format!("revoke usage on schema {schema} from {name};\n"),
            (false, true) => text += &format!("grant usage on schema {schema} to {name};\n"),
            _ => {}
        }
    }
    if !text.is_empty() {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(conn).await?;
    }
    Ok(())
}

/// Takes from the role what lets users in, and ends its sessions as far as the connected role may.
///
/// # Errors
/// As [`set`].
pub async fn close(conn: &mut PgConnection, door: Door<'_>) -> sqlx::Result<()> {
    let now = rights(conn, &[door]).await?;
    set(conn, &[(door, now[0], CLOSED)]).await?;
    end_sessions(conn, &[door]).await.map(drop)
}

/// Ends the sessions that are logged in as one of the roles, as far as the connected role may, and says how
/// many of each: others are refused at their next statement.
pub async fn end_sessions(conn: &mut PgConnection, doors: &[Door<'_>]) -> sqlx::Result<Vec<i64>> {
    let roles: Vec<&str> = doors.iter().map(|door| door.role.as_str()).collect();
    sqlx::query_scalar(
        "select count(*) filter (where ended)
         from (select to_regrole(quote_ident(role))::oid as role, place
               from unnest($1::text[]) with ordinality as t (role, place) offset 0) t
         -- not the view: it joins all roles there are
         left join lateral (
             select pg_terminate_backend(a.pid) as ended from pg_stat_get_activity(null) a
             where a.usesysid = t.role
               and (pg_has_role(a.usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage'))
         ) e on true
         group by t.place order by t.place",
    )
    .bind(roles)
    .fetch_all(conn)
    .await
}
