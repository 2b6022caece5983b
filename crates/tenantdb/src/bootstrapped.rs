//! Looks whether the database still is as [`bootstrap`](crate::bootstrap()) left it: a restored one is
//! not, since a dump of a database holds no rights on it.

use domain::{InstallationId, RoleName};
use sqlx::{PgConnection, Row};

/// What `bootstrap` has yet to do, in words; nothing when tenants can be made. With `own`, PUBLIC must
/// have no right on the database. One message.
pub async fn missing(
    conn: &mut PgConnection,
    installation: &InstallationId,
    own: bool,
) -> sqlx::Result<Vec<String>> {
    let group = RoleName::group(installation);
    let row = sqlx::query(
        "select g.oid is null,
                not coalesce(has_database_privilege(g.oid, d.oid, 'connect'), true),
                exists (select from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                        where a.grantee = 0),
                d.datname::text
         from (select to_regrole(quote_ident($1))::oid as oid) g, pg_catalog.pg_database d
         where d.datname = current_database()",
    )
    .bind(group.as_str())
    .fetch_one(conn)
    .await?;
    let database: String = row.try_get(3)?;
    let faults = [
        (row.try_get(0)?, format!("group role {group} does not exist")),
        (row.try_get(1)?, format!("group role {group} may not connect to database {database}")),
        (own && row.try_get(2)?, format!("PUBLIC has rights on database {database}")),
    ];
    Ok(faults.into_iter().filter(|(broken, _)| *broken).map(|(_, fault)| fault).collect())
}
