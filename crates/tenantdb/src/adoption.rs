//! Gives tenants what was built in advance: schema and role get new names and marks, all that lies
//! in them stays as it is.
//!
//! A spare's [`fingerprints`] are taken when it is built and compared when it is given away: a spare
//! that was changed in between is noticed without a look at each of its objects.

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::ident::{Ident, literal};
use crate::newcomers::Newcomer;
use crate::path::TenantPath;
use crate::{makers, role};

const FINGERPRINT: &str = include_str!("queries/fingerprint.sql");

/// A text for each spare that is another one once anything in its schema has been added, changed or
/// removed; its rows of data do not count. Empty without a schema. One message, an answer for each in
/// order.
pub async fn fingerprints(
    conn: &mut PgConnection,
    spares: impl IntoIterator<Item = TenantId>,
) -> sqlx::Result<Vec<String>> {
    read(conn, fingerprint(spares)).await
}

/// A spare and the tenant that gets it.
#[derive(Debug, Clone)]
pub struct Adoption<'a> {
    /// The id that the spare's names and marks bear.
    pub spare: TenantId,
    pub tenant: Newcomer<'a>,
}

/// Makes each spare its tenant's, and tells the fingerprint that each had: one message for all. A
/// spare is made as a [`Newcomer`] is, with the names [`SchemaName::of_spare`] and [`RoleName::of`].
///
/// # Errors
/// SQLSTATE 42P06 or 42710 when a tenant's name is in use, 3F000 or 42704 when a spare is not there.
pub async fn adopt(
    conn: &mut PgConnection,
    installation: &InstallationId,
    adoptions: &[Adoption<'_>],
    path: TenantPath,
) -> sqlx::Result<Vec<String>> {
    let mut texts = vec![fingerprint(adoptions.iter().map(|adoption| adoption.spare))];
    texts.extend(adoptions.iter().map(|adoption| text(conn, installation, adoption, path)));
    read(conn, texts.join(";\n")).await
}

fn fingerprint(spares: impl IntoIterator<Item = TenantId>) -> String {
    let schemas = spares.into_iter().map(SchemaName::of_spare);
    let schemas: Vec<String> = schemas.map(|schema| literal(schema.as_str())).collect();
    FINGERPRINT.replace("{schemas}", &format!("array[{}]::text[]", schemas.join(", ")))
}

async fn read(conn: &mut PgConnection, message: String) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::raw_sql(AssertSqlSafe(message)).fetch_all(conn).await?;
    rows.iter().map(|row| row.try_get(1)).collect()
}

fn text(
    conn: &PgConnection,
    installation: &InstallationId,
    adoption: &Adoption<'_>,
    path: TenantPath,
) -> String {
    let Adoption { spare, tenant } = adoption;
    let spare_role = RoleName::of(installation, *spare);
    let (spare_schema, schema) =
        (Ident::from(&SchemaName::of_spare(*spare)), Ident::from(tenant.schema));
    let (from, role) = (Ident::from(&spare_role), Ident::from(tenant.role));
    let mark = literal(&tenant.mark.to_string());
    let finds = role::finds(tenant.role, tenant.schema, path);
    let rename = format!(
        "alter role {from} rename to {role};
         comment on role {role} is {mark};
         {finds}"
    );
    format!(
        "alter schema {spare_schema} rename to {schema};
         comment on schema {schema} is {mark};
         {}",
        makers::changing(conn, &spare_role, rename)
    )
}
