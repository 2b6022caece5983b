//! Walks the roles that bear this installation's mark: each must be the one of its tenant.
//!
//! Roles belong to the whole cluster; the mark and the name both carry the installation.

use domain::{InstallationId, RoleName};
use sqlx::PgConnection;

use super::schemas::{Marked, Registered, marked, of_no_spare, registered};
use crate::{Kind, Subject, report::Gatherer};

/// Roles read at a time.
const PAGE: i64 = 1_000;

/// Finds roles without tenant, and those whose tenant has another one.
pub(crate) async fn walk(
    conn: &mut PgConnection,
    installation: &InstallationId,
    gatherer: &mut Gatherer<'_>,
) -> sqlx::Result<()> {
    if !gatherer.scope.wants_any(&[Kind::RoleWithoutTenant, Kind::WrongMark]) {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let rows = page(conn, installation, &after).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = last.clone();
        let found = of_no_spare(conn, marked(rows)).await?;
        let tenants = registered(conn, &found).await?;
        gatherer.report.checked.roles += found.len() as u64;
        for role in found {
            judge(&role, installation, tenants.get(&role.tenant), gatherer);
        }
    }
}

async fn page(
    conn: &mut PgConnection,
    installation: &InstallationId,
    after: &str,
) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as(
        "select r.rolname::text, d.description
         from pg_catalog.pg_roles r
         join pg_catalog.pg_shdescription d on d.objoid = r.oid
             and d.classoid = 'pg_catalog.pg_authid'::regclass
         where r.rolname > $1::text::name and starts_with(d.description, $2)
         order by r.rolname limit $3",
    )
    .bind(after)
    .bind(format!("tenantry:{installation}:"))
    .bind(PAGE)
    .fetch_all(conn)
    .await
}

fn judge(
    role: &Marked,
    installation: &InstallationId,
    tenant: Option<&Registered>,
    gatherer: &mut Gatherer<'_>,
) {
    let Marked { name, tenant: id } = role;
    let subject = Subject::Role(name.clone());
    let by_name = RoleName::of(installation, *id).as_str() == name;
    match tenant.filter(|tenant| !tenant.is_gone()) {
        None if by_name => {
            let fate = tenant.map_or("does not exist".into(), |it| format!("is {}", it.state));
            let sentence = format!("role {name} bears the mark of tenant {id}, which {fate}");
            gatherer.add(Kind::RoleWithoutTenant, subject, sentence, true);
        }
        None => {
            let sentence =
                format!("role {name} bears the mark of tenant {id}, whose role has another name");
            gatherer.add(Kind::WrongMark, subject, sentence, false);
        }
        // told as that of another tenant already
        Some(_) if gatherer.has(Kind::WrongMark, &subject) => {}
        Some(tenant) if tenant.role != *name => {
            let own = &tenant.role;
            let sentence =
                format!("role {name} bears the mark of tenant {id}, whose role is {own}");
            gatherer.add(Kind::WrongMark, subject, sentence, false);
        }
        Some(_) => {}
    }
}
