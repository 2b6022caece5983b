//! A copied database becomes an installation of its own: its schemas leave the original's roles and
//! marks, and get their own.
//!
//! Every function starts from the mark of the original: what does not bear it is left alone, and what
//! is done already is not done again. The roles of the original are read and never changed.

use domain::{InstallationId, RoleName, SchemaName};
use sqlx::PgConnection;

use crate::ident::{Ident, literal, run};
use crate::mark::{IMPORTED, Mark};
use crate::shared::TenantPath;
use crate::{grants, role};

/// A schema that still bears the original's mark.
#[derive(Debug, Clone)]
pub struct Copied {
    pub schema: SchemaName,
    pub mark: Mark,
    /// Whether it was there before its tenant.
    pub imported: bool,
}

/// At most `most` schemas after `after` that bear the mark of `original`, by name.
pub async fn schemas(
    conn: &mut PgConnection,
    original: &InstallationId,
    after: &str,
    most: i64,
) -> sqlx::Result<Vec<Copied>> {
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("queries/marked.sql"))
        .bind(original.as_str())
        .bind(after)
        .bind(most)
        .fetch_all(conn)
        .await?;
    let copied = rows.into_iter().map(|(name, comment)| {
        let schema = SchemaName::from_registry(name).map_err(|e| sqlx::Error::Decode(e.into()))?;
        let made = comment.strip_suffix(IMPORTED);
        let imported = made.is_some();
        let mark = Mark::parse(made.unwrap_or(&comment));
        let mark = mark.ok_or_else(|| sqlx::Error::Decode(comment.into()))?;
        Ok(Copied { schema, mark, imported })
    });
    copied.collect()
}

/// Gives the schema to the same tenant of `heir`: the original's role loses its rights in it, a role
/// of the heir's gets them, and the mark is rewritten. False, and nothing has changed, when a stranger
/// has the name of that role.
pub async fn hand_over(
    conn: &mut PgConnection,
    copied: &Copied,
    heir: &InstallationId,
    connection_limit: i32,
    path: TenantPath,
) -> sqlx::Result<bool> {
    let mark = Mark { installation: heir.clone(), tenant: copied.mark.tenant };
    let role = RoleName::of(heir, mark.tenant);
    let owner = role::claim(conn, &role, &copied.schema, connection_limit, &mark, path).await?;
    if !owner.is(&mark) {
        return Ok(false);
    }
    disown(conn, copied, heir).await?;
    grants::regrant(conn, &copied.schema, &role).await?;
    Ok(true)
}

/// As [`hand_over`], for a schema that is no tenant's: it gets the mark and no role.
pub async fn disown(
    conn: &mut PgConnection,
    copied: &Copied,
    heir: &InstallationId,
) -> sqlx::Result<()> {
    let original = RoleName::of(&copied.mark.installation, copied.mark.tenant);
    grants::revoke(conn, &copied.schema, &original).await?;
    let mark = Mark { installation: heir.clone(), tenant: copied.mark.tenant };
    let suffix = if copied.imported { IMPORTED } else { "" };
    let (schema, mark) = (Ident::from(&copied.schema), literal(&format!("{mark}{suffix}")));
    run(conn, format!("comment on schema {schema} is {mark}")).await
}

/// Drops the functions that act as the original's makers: who calls one here changes its roles.
///
/// # Errors
/// When the connected role owns neither the functions nor schema `tenantry`.
pub async fn drop_makers(conn: &mut PgConnection, original: &InstallationId) -> sqlx::Result<()> {
    let makers = literal(&RoleName::group(original).makers());
    let drop = format!(
        "do $tenantry$
         declare maker regprocedure;
         begin
             for maker in
                 select p.oid from pg_catalog.pg_proc p
                 where p.pronamespace = to_regnamespace('tenantry') and starts_with(p.proname, {makers})
             loop
                 execute format('drop function %s', maker);
             end loop;
         end
         $tenantry$"
    );
    run(conn, drop).await
}

/// Takes from the original's group what tenants shared: the right to use extensions and to read tables.
/// What may not be revoked stays, and [`heirless`] names it.
pub async fn disown_shared(conn: &mut PgConnection, original: &InstallationId) -> sqlx::Result<()> {
    let group = literal(RoleName::group(original).as_str());
    run(conn, include_str!("queries/disown_shared.sql").replace("{group}", &group)).await
}

/// Gives the session's own user back its rights until the transaction ends: a superuser may drop what a
/// dump restored as a superuser's.
pub async fn as_session_user(conn: &mut PgConnection) -> sqlx::Result<()> {
    run(conn, "set local role none").await
}

/// Puts right, if the session belongs to a superuser, what a dump of roles loses from PostgreSQL 16 on: the
/// owner of schema `tenantry` may take roles into the tenants' group, and the tenants' roles are in it.
pub async fn repair_group(
    conn: &mut PgConnection,
    installation: &InstallationId,
) -> sqlx::Result<()> {
    let group = literal(RoleName::group(installation).as_str());
    let marks = literal(&format!("^tenantry:{installation}:[1-9][0-9]*$"));
    let repair = format!(
        "do $tenantry$
         declare
             owner text := (select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'tenantry');
             member text;
         begin
             if current_setting('server_version_num')::int < 160000 or to_regrole({group}) is null
                 or not (select rolsuper from pg_roles where rolname = session_user)
             then
                 return;
             end if;
             set local role none;
             if not pg_has_role(owner, {group}, 'member with admin option') then
                 execute format('grant %I to %I with admin true, inherit false, set false', {group}, owner);
             end if;
             for member in
                 select r.rolname from pg_roles r
                 join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
                 where d.description ~ {marks} and not pg_has_role(r.oid, {group}, 'member')
             loop
                 execute format('grant %I to %I', {group}, member);
             end loop;
         end
         $tenantry$"
    );
    run(conn, repair).await
}

/// Roles of `original` that still have rights in this database, at most `most` of them: rights that
/// an operator gave by hand.
pub async fn heirless(
    conn: &mut PgConnection,
    original: &InstallationId,
    most: i64,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select distinct r.rolname::text
         from pg_catalog.pg_shdepend d
         join pg_catalog.pg_database b on b.oid = d.dbid and b.datname = current_database()
         join pg_catalog.pg_roles r on r.oid = d.refobjid
         join pg_catalog.pg_shdescription m on m.objoid = r.oid
             and m.classoid = 'pg_catalog.pg_authid'::regclass and starts_with(m.description, $1)
         where d.refclassid = 'pg_catalog.pg_authid'::regclass
         order by 1 limit $2",
    )
    .bind(format!("tenantry:{original}:"))
    .bind(most)
    .fetch_all(conn)
    .await
}
