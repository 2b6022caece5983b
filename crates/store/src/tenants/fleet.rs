//! Lists the tenants that a fleet migration touches, page by page.

use domain::{RoleName, SchemaName, TenantId, Version};
use sqlx::PgConnection;

/// An active tenant, as far as migrating its schema goes.
#[derive(Debug, Clone)]
pub struct FleetTenant {
    /// Its id.
    pub id: TenantId,
    /// Its schema.
    pub schema: SchemaName,
    /// The role that uses the schema.
    pub role: RoleName,
    /// The newest tenant migration it is known to have.
    pub migration_version: Option<Version>,
}

#[derive(Debug)]
struct Row {
    id: i64,
    schema_name: String,
    role_name: String,
    migration_version: Option<String>,
}

impl TryFrom<Row> for FleetTenant {
    type Error = sqlx::Error;

    fn try_from(r: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: TenantId::new(r.id),
            schema: SchemaName::from_registry(r.schema_name)
                .map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
            role: RoleName::parse(&r.role_name).map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
            migration_version: r.migration_version.map(Version::new),
        })
    }
}

/// At most `limit` active tenants with an id above `after`, ordered by id; with `other_than`, only
/// those whose version is not spelled like that one.
///
/// # Errors
/// When the rows cannot be read.
pub async fn fleet_page(
    conn: &mut PgConnection,
    after: Option<TenantId>,
    other_than: Option<&Version>,
    limit: i64,
) -> sqlx::Result<Vec<FleetTenant>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, schema_name, role_name, migration_version
         from tenantry.tenants
         where state = 'active' and id > $1
             and ($2::text is null or migration_version is distinct from $2)
         order by id limit $3",
        after.map_or(i64::MIN, TenantId::get),
        other_than.map(Version::as_str),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(FleetTenant::try_from).collect()
}

/// The active tenant whose schema this is.
///
/// # Errors
/// When the row cannot be read.
pub async fn fleet_tenant(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Option<FleetTenant>> {
    let row = sqlx::query_as!(
        Row,
        "select id, schema_name, role_name, migration_version
         from tenantry.tenants where schema_name = $1 and state = 'active'",
        schema.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(FleetTenant::try_from).transpose()
}
