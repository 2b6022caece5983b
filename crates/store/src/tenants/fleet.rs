//! Lists the tenants that a fleet migration touches, page by page.

use domain::{RoleName, RoleNameError, SchemaName, SchemaNameError, TenantId, Version};
use sqlx::PgConnection;

/// An active tenant, as far as migrating its schema goes.
#[derive(Debug, Clone)]
pub struct FleetTenant {
    /// Its id.
    pub id: TenantId,
    /// Its schema, as the registry has it.
    pub schema: String,
    /// The role that uses the schema, as the registry has it.
    pub role: String,
    /// The newest tenant migration it is known to have.
    pub migration_version: Option<Version>,
}

/// The registry holds a name that Tenantry never makes: somebody wrote it there.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableName {
    /// The schema's.
    #[error("the registry's schema_name is none")]
    Schema(#[from] SchemaNameError),
    /// The role's.
    #[error("the registry's role_name is none")]
    Role(#[from] RoleNameError),
}

impl FleetTenant {
    /// Its schema and its role. One tenant whose names are none keeps nobody from reading the others.
    ///
    /// # Errors
    /// When the registry holds a name that is none.
    pub fn names(&self) -> Result<(SchemaName, RoleName), UnreadableName> {
        Ok((SchemaName::from_registry(self.schema.clone())?, RoleName::parse(&self.role)?))
    }
}

#[derive(Debug)]
struct Row {
    id: i64,
    schema_name: String,
    role_name: String,
    migration_version: Option<String>,
}

impl From<Row> for FleetTenant {
    fn from(r: Row) -> Self {
        Self {
            id: TenantId::new(r.id),
            schema: r.schema_name,
            role: r.role_name,
            migration_version: r.migration_version.map(Version::new),
        }
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
    Ok(rows.into_iter().map(FleetTenant::from).collect())
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
    Ok(row.map(FleetTenant::from))
}
