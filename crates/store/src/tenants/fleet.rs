//! Lists the tenants that a fleet migration touches, page by page.

use domain::{RoleName, RoleNameError, SchemaName, SchemaNameError, TenantId, Version};
use sqlx::PgConnection;

/// An active or suspended tenant, as far as migrating its schema goes.
#[derive(Debug, Clone)]
pub struct FleetTenant {
    pub id: TenantId,
    pub schema: String,
    /// The role that uses the schema, as the registry has it.
    pub role: String,
    /// What the ledger says it has, if it has a row there.
    pub place: Option<Place>,
}

/// A version of a set of migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub set_hash: String,
    /// The version reached in it; `None` = nothing is applied.
    pub version: Option<Version>,
}

/// The registry holds a name that Tenantry never makes: somebody wrote it there.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableName {
    #[error("the registry's schema_name is none")]
    Schema(#[from] SchemaNameError),
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
    set_hash: Option<String>,
    version: Option<String>,
}

impl From<Row> for FleetTenant {
    fn from(r: Row) -> Self {
        let version = r.version.map(Version::new);
        Self {
            id: TenantId::new(r.id),
            schema: r.schema_name,
            role: r.role_name,
            place: r.set_hash.map(|set_hash| Place { set_hash, version }),
        }
    }
}

/// The places at which a schema has `version`, in whatever spelling; `None` when no registered set has it. A set
/// and the tenants that have it may differ in spelling: `0001` and `1` have one hash.
pub async fn places_with(
    conn: &mut PgConnection,
    version: &Version,
) -> sqlx::Result<Option<Vec<Place>>> {
    let rows = sqlx::query!(
        r#"select s.hash as "hash!", s.versions as "versions!", m.version as "reached?"
           from tenantry.migration_sets s
           left join (select distinct set_hash, version from tenantry.tenant_migrations) m
               on m.set_hash = s.hash"#
    )
    .fetch_all(conn)
    .await?;
    let (mut is_known, mut places) = (false, Vec::new());
    for row in rows {
        let place = |version: &Version| row.versions.iter().position(|it| *version == it.as_str());
        let Some(at) = place(version) else { continue };
        is_known = true;
        let reached = row.reached.map(Version::new).filter(|it| place(it) >= Some(at));
        places.extend(reached.map(|it| Place { set_hash: row.hash.clone(), version: Some(it) }));
    }
    Ok(is_known.then_some(places))
}

/// At most `limit` active or suspended tenants with an id above `after`, ordered by id; with `other_than`, only
/// those that the ledger does not have at that place. The ledger is read from `after` on too: else each page
/// would read it from its beginning.
pub async fn fleet_page(
    conn: &mut PgConnection,
    after: Option<TenantId>,
    other_than: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<FleetTenant>> {
    sqlx::query_as!(
        Row,
        r#"select t.id, t.schema_name, t.role_name, m.set_hash as "set_hash?", m.version
         from tenantry.tenants t
         left join tenantry.tenant_migrations m on m.tenant_id = t.id and m.tenant_id > $1
         where t.state in ('active', 'suspended') and t.id > $1
             and ($2::text is null or m.set_hash is distinct from $2 or m.version is distinct from $3)
         order by t.id limit $4"#,
        after.map_or(i64::MIN, TenantId::get),
        other_than.map(|place| place.set_hash.as_str()),
        other_than.and_then(|place| place.version.as_ref()).map(Version::as_str),
        limit,
    )
    .map(FleetTenant::from)
    .fetch_all(conn)
    .await
}

/// The active or suspended tenant whose schema this is.
pub async fn fleet_tenant(
    conn: &mut PgConnection,
    schema: &SchemaName,
) -> sqlx::Result<Option<FleetTenant>> {
    sqlx::query_as!(
        Row,
        r#"select t.id, t.schema_name, t.role_name, m.set_hash as "set_hash?", m.version
         from tenantry.tenants t
         left join tenantry.tenant_migrations m on m.tenant_id = t.id
         where t.schema_name = $1 and t.state in ('active', 'suspended')"#,
        schema.as_str(),
    )
    .map(FleetTenant::from)
    .fetch_optional(conn)
    .await
}

/// A tenant without a row in the ledger.
#[derive(Debug)]
pub struct Unplaced {
    pub id: TenantId,
    pub schema: String,
    /// Whether a release before this one left its version table there.
    pub has_table: bool,
    /// Whether it is active, and should have a row.
    pub is_active: bool,
}

/// At most `limit` tenants with an id above `after` that have no row in the ledger, ordered by id; those that
/// ended are left out.
pub async fn unplaced(
    conn: &mut PgConnection,
    after: Option<TenantId>,
    limit: i64,
) -> sqlx::Result<Vec<Unplaced>> {
    sqlx::query!(
        r#"select id, schema_name, state = 'active' as "is_active!",
                  to_regclass(quote_ident(schema_name) || '.tenantry_migrations') is not null
                      as "has_table!"
         from (
             select id, schema_name, state from tenantry.tenants t
             where id > $1 and state not in ('deleted', 'released')
                 and not exists (select from tenantry.tenant_migrations m
                                 where m.tenant_id = t.id and m.tenant_id > $1)
             order by id limit $2
         ) t"#,
        after.map_or(i64::MIN, TenantId::get),
        limit,
    )
    .map(|r| Unplaced {
        id: TenantId::new(r.id),
        schema: r.schema_name,
        has_table: r.has_table,
        is_active: r.is_active,
    })
    .fetch_all(conn)
    .await
}
