//! Roles that outlived their database.

use domain::InstallationId;
use sqlx::PgConnection;

use crate::ident::{Ident, run};

/// A database of this server in which a role of the installation has a right; `None` when no database
/// needs them any more.
pub async fn used_by(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select b.datname::text
         from pg_catalog.pg_shdescription m
         join pg_catalog.pg_shdepend d on d.refclassid = 'pg_catalog.pg_authid'::regclass
             and d.refobjid = m.objoid
         join pg_catalog.pg_database b on b.oid = d.dbid
             or d.dbid = 0 and d.classid = 'pg_catalog.pg_database'::regclass and b.oid = d.objid
         where m.classoid = 'pg_catalog.pg_authid'::regclass and starts_with(m.description, $1)
         order by 1 limit 1",
    )
    .bind(format!("tenantry:{installation}:"))
    .fetch_optional(conn)
    .await
}

/// Drops every role that bears the installation's mark, and says how many: tenants first, then their
/// makers and the group. Each commits by itself. Ask [`used_by`] first.
///
/// # Errors
/// SQLSTATE 42501 when a role is not ours to drop, 2BP01 when something depends on it.
pub async fn drop_all(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> sqlx::Result<usize> {
    let roles: Vec<String> = sqlx::query_scalar(
        "select r.rolname::text
         from pg_catalog.pg_roles r
         join pg_catalog.pg_shdescription m on m.objoid = r.oid
             and m.classoid = 'pg_catalog.pg_authid'::regclass
         where starts_with(m.description, $1) and starts_with(r.rolname, $2)
         order by r.rolname",
    )
    .bind(format!("tenantry:{installation}:"))
    .bind(format!("tn_{installation}_"))
    .fetch_all(&mut *conn)
    .await?;
    for role in &roles {
        run(conn, format!("drop role {}", Ident::quote(role))).await?;
    }
    Ok(roles.len())
}
