//! Reads one tenant.

use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

use crate::decode::decode;

/// A tenant as the registry knows it.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Its domain in A-label form.
    pub domain: String,
    pub schema: String,
    pub role: String,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// Where it is in its life.
    pub state: TenantState,
    /// Features, limits and metadata, as the registry has them: no number has lost a digit, and
    /// nothing in them can be unreadable.
    pub settings: Box<RawValue>,
    /// The newest tenant migration it has.
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    pub activated_at: Option<DateTime<Utc>>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
}

/// A tenant's row as the queries of this directory return it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) domain: String,
    pub(super) schema_name: String,
    pub(super) role_name: String,
    pub(super) external_id: Option<String>,
    pub(super) state: String,
    pub(super) settings: Json<Box<RawValue>>,
    pub(super) migration_version: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) activated_at: Option<DateTime<Utc>>,
    pub(super) updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Tenant {
    type Error = sqlx::Error;

    fn try_from(r: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: TenantId::new(r.id),
            state: decode(&r.state)?,
            name: r.name,
            description: r.description,
            domain: r.domain,
            schema: r.schema_name,
            role: r.role_name,
            external_id: r.external_id,
            settings: r.settings.0,
            migration_version: r.migration_version,
            created_at: r.created_at,
            activated_at: r.activated_at,
            updated_at: r.updated_at,
        })
    }
}

/// The tenant with this id, in whatever state it is.
pub async fn find(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<Tenant>> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, description, domain, schema_name, role_name, external_id, state,
                settings as "settings: Json<Box<RawValue>>", (select m.version from tenantry.tenant_migrations m where m.tenant_id = t.id)
                    as migration_version,
                created_at, activated_at, updated_at
         from tenantry.tenants t where id = $1"#,
        id.get(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(Tenant::try_from).transpose()
}
