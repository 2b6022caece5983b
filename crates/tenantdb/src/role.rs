//! The tenant's role: may log in, owns nothing, and gets its right to connect from one group.

use std::fmt::Display;

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::ident::{Ident, dollar_tag, literal, run};
use crate::makers;
use crate::mark::{Mark, Owner};
use crate::schema::owner_in;
use crate::shared::TenantPath;

/// Whose the role is. One prepared look-up by unique index.
pub async fn owner(conn: &mut PgConnection, role: &RoleName) -> sqlx::Result<Owner> {
    let row = sqlx::query(
        "select r.oid is not null, d.description
         from (select to_regrole(quote_ident($1))::oid as oid) r
         left join pg_catalog.pg_shdescription d
             on d.objoid = r.oid and d.classoid = 'pg_catalog.pg_authid'::regclass",
    )
    .bind(role.as_str())
    .fetch_one(conn)
    .await?;
    owner_in(&row)
}

/// Creates and marks the role unless the name is in use, and says whose it is now. One message.
///
/// The role may log in (`connection_limit` connections at once, -1 = any number), finds its schema
/// first and holds no right yet: [`crate::grants`] takes it into the group that may connect.
///
/// # Errors
/// SQLSTATE 42501 when we may not create roles.
pub async fn claim(
    conn: &mut PgConnection,
    role: &RoleName,
    schema: &SchemaName,
    connection_limit: i32,
    mark: &Mark,
    path: TenantPath,
) -> sqlx::Result<Owner> {
    let oid = format!("to_regrole({})::oid", Ident::from(role).as_text());
    let creation = creation(role, schema, connection_limit, mark, path);
    let creation = makers::making_in_block(conn, &mark.installation, creation);
    let tag = dollar_tag([creation.as_str()]);
    let claim = format!(
        "do {tag} begin if {oid} is null then {creation}; end if; end {tag};
         select {oid} is not null,
             (select description from pg_catalog.pg_shdescription where objoid = {oid}
              and classoid = 'pg_catalog.pg_authid'::regclass)"
    );
    owner_in(&sqlx::raw_sql(AssertSqlSafe(claim)).fetch_one(conn).await?)
}

/// Gives the role a password by its verifier, in place of one it had.
///
/// # Errors
/// SQLSTATE 42501 when the connected role may not change this one, 42704 when there is none.
pub async fn set_password(
    conn: &mut PgConnection,
    role: &RoleName,
    verifier: &str,
) -> sqlx::Result<()> {
    let alter = format!("alter role {} password {}", Ident::from(role), literal(verifier));
    let alter = makers::changing(conn, role, alter);
    run(conn, alter).await
}

/// Drops the role. Its rights must be gone, as they are once its schema is dropped; sessions that
/// are logged in as it go on until they end by themselves. Ask [`owner`] first, or use
/// [`drop_owned`].
///
/// # Errors
/// SQLSTATE 2BP01 when objects still depend on the role, 42704 when there is none.
pub async fn drop(conn: &mut PgConnection, role: &RoleName) -> sqlx::Result<()> {
    let drop = makers::changing(conn, role, format!("drop role {}", Ident::from(role)));
    run(conn, drop).await
}

/// Drops the role if it bears the mark and says whether it did; a stranger's is left alone.
///
/// # Errors
/// As [`owner`] and [`drop()`].
pub async fn drop_owned(
    conn: &mut PgConnection,
    role: &RoleName,
    mark: &Mark,
) -> sqlx::Result<bool> {
    let ours = owner(conn, role).await?.is(mark);
    if ours {
        drop(conn, role).await?;
    }
    Ok(ours)
}

/// The statement that would let the connected role change and drop this one; `None` when it may do so
/// already, by itself or through the maker that made the role. From PostgreSQL 16 on a role that was
/// restored from a dump belongs to whoever restored it.
pub async fn missing_right(
    conn: &mut PgConnection,
    role: &RoleName,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select format('grant %I to %I with admin option', t.rolname, me.rolname)
         from pg_catalog.pg_roles t, pg_catalog.pg_roles me
         where t.rolname = $1 and me.rolname = current_user and not me.rolsuper
             and not (me.rolcreaterole and current_setting('server_version_num')::int < 160000)
             and not pg_has_role(t.oid, 'member with admin option')
             and not exists (
                 select from pg_catalog.pg_auth_members m
                 join pg_catalog.pg_roles k on k.oid = m.member and starts_with(k.rolname, $2)
                 where m.roleid = t.oid and m.admin_option
                     and has_function_privilege(
                         to_regprocedure(format('tenantry.%I(text)', k.rolname))::oid, 'execute'))",
    )
    .bind(role.as_str())
    .bind(role.makers())
    .fetch_optional(conn)
    .await
}

/// Gives the role the search path of tenants if it has another one, and says whether it had: after the
/// settings list extensions for the first time, or none any more.
///
/// # Errors
/// SQLSTATE 42501 when the connected role may not change this one.
pub async fn follow_path(
    conn: &mut PgConnection,
    role: &RoleName,
    schema: &SchemaName,
    path: TenantPath,
) -> sqlx::Result<bool> {
    let has_another: bool = sqlx::query_scalar(
        "select exists (
             select from pg_catalog.pg_roles r where r.rolname = $1
                 and not coalesce(r.rolconfig, '{}') @> array[format('search_path=%I, %s', $2::text, $3::text)])",
    )
    .bind(role.as_str())
    .bind(schema.as_str())
    .bind(path.rest())
    .fetch_one(&mut *conn)
    .await?;
    if has_another {
        let alter = makers::changing(conn, role, finds(role, schema, path));
        run(conn, alter).await?;
    }
    Ok(has_another)
}

/// Lets the connected role `SET ROLE` to this one from now on; nothing to do for a superuser. Roll
/// the transaction back, or it stays.
///
/// # Errors
/// SQLSTATE 42501 when somebody else made the role.
pub async fn lend(conn: &mut PgConnection, role: &RoleName) -> sqlx::Result<()> {
    let (right, options) = if makers::are_members(conn) {
        ("set", " with inherit false, set true")
    } else {
        ("member", "") // and with it all rights of the role
    };
    let row = sqlx::query(
        "select quote_ident(current_user), pg_has_role(to_regrole(quote_ident($1)), $2)",
    )
    .bind(role.as_str())
    .bind(right)
    .fetch_one(&mut *conn)
    .await?;
    if row.try_get(1)? {
        return Ok(());
    }
    let me: String = row.try_get(0)?;
    let grant = format!("grant {} to {me}{options}", Ident::from(role));
    let grant = makers::changing(conn, role, grant);
    run(conn, grant).await
}

pub(crate) fn creation(
    role: &RoleName,
    schema: &SchemaName,
    connection_limit: i32,
    mark: impl Display,
    path: TenantPath,
) -> String {
    let finds = finds(role, schema, path);
    let role = Ident::from(role);
    let mark = literal(&mark.to_string());
    format!(
        "create role {role} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
             connection limit {connection_limit};
         comment on role {role} is {mark};
         {finds}"
    )
}

/// The statement by which the role finds the objects of the schema.
pub(crate) fn finds(role: &RoleName, schema: &SchemaName, path: TenantPath) -> String {
    format!("alter role {} set search_path to {}", Ident::from(role), path.of(schema))
}
