//! Passwords of tenants' roles that `tenantry tenant connect` did not set.

use domain::InstallationId;
use sqlx::PgConnection;

use crate::{Kind, Subject, report::Gatherer};

/// Roles named in the finding.
const NAMED: usize = 10;

/// Tells in one finding which roles have a password, if the connected role may see that: a superuser.
pub(crate) async fn look(
    conn: &mut PgConnection,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    let sees = "select has_table_privilege('pg_catalog.pg_authid', 'select')";
    if !gatherer.scope.wants(Kind::RoleWithPassword)
        || !sqlx::query_scalar::<_, bool>(sees).fetch_one(&mut *conn).await?
    {
        return Ok(());
    }
    let roles: Vec<String> = sqlx::query_scalar(
        "select r.rolname::text from pg_catalog.pg_authid r
         join pg_catalog.pg_shdescription d on d.objoid = r.oid
             and d.classoid = 'pg_catalog.pg_authid'::regclass
         where r.rolpassword is not null and starts_with(d.description, $1)
             and not exists (select from tenantry.tenants t
                             where t.role_name = r.rolname and t.login_issued_at is not null)
         order by r.rolname",
    )
    .bind(format!("tenantry:{installation}:"))
    .fetch_all(&mut *conn)
    .await?;
    if roles.is_empty() {
        return Ok(());
    }
    let more = if roles.len() > NAMED { ", …" } else { "" };
    let named = roles[..roles.len().min(NAMED)].join(", ");
    let sentence = format!(
        "{} of the roles have a password that Tenantry did not give: {named}{more}",
        roles.len()
    );
    let database = sqlx::query_scalar("select current_database()::text").fetch_one(conn).await?;
    gatherer.add(Kind::RoleWithPassword, Subject::Database(database), sentence, false);
    Ok(())
}
