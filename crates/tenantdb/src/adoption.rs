//! Gives tenants what was built in advance: schema and role get new names and marks, all that lies
//! in them stays as it is.

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ident::{Ident, literal};
use crate::makers;
use crate::newcomers::Newcomer;

/// A spare and the tenant that gets it.
#[derive(Debug, Clone)]
pub struct Adoption<'a> {
    /// The id that the spare's names and marks bear.
    pub spare: TenantId,
    /// Who it becomes.
    pub tenant: Newcomer<'a>,
}

/// Makes each spare its tenant's: one message for all. A spare is made as a [`Newcomer`] is, with the
/// names [`SchemaName::of_spare`] and [`RoleName::of`].
///
/// # Errors
/// SQLSTATE 42P06 or 42710 when a tenant's name is in use, 3F000 or 42704 when a spare is not there.
pub async fn adopt(
    conn: &mut PgConnection,
    installation: &InstallationId,
    adoptions: &[Adoption<'_>],
) -> sqlx::Result<()> {
    let texts: Vec<String> =
        adoptions.iter().map(|adoption| text(conn, installation, adoption)).collect();
    sqlx::raw_sql(AssertSqlSafe(texts.join(";\n"))).execute(conn).await?;
    Ok(())
}

fn text(conn: &PgConnection, installation: &InstallationId, adoption: &Adoption<'_>) -> String {
    let Adoption { spare, tenant } = adoption;
    let spare_role = RoleName::of(installation, *spare);
    let (spare_schema, schema) =
        (Ident::from(&SchemaName::of_spare(*spare)), Ident::from(tenant.schema));
    let (from, role) = (Ident::from(&spare_role), Ident::from(tenant.role));
    let mark = literal(&tenant.mark.to_string());
    let rename = format!(
        "alter role {from} rename to {role};
         comment on role {role} is {mark};
         alter role {role} set search_path to {schema}, pg_temp"
    );
    format!(
        "alter schema {spare_schema} rename to {schema};
         comment on schema {schema} is {mark};
         {}",
        makers::changing(conn, &spare_role, rename)
    )
}
