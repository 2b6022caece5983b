//! A tenant as callers see it.

use chrono::{DateTime, Utc};
use domain::{Settings, TenantId, TenantState};
use serde::Serialize;
use serde_json::value::RawValue;
use store::tenants::Tenant;
use utoipa::ToSchema;

/// A tenant as the registry knows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantView {
    /// The tenant.
    pub(crate) tenant_id: TenantId,
    /// What people call it.
    pub(crate) tenant_name: String,
    /// Where it is in its life. Only an `active` one can be used.
    pub(crate) status: TenantState,
    /// Where it answers, in A-label form.
    pub(crate) domain: String,
    /// Its schema.
    pub(crate) schema_name: String,
    /// The database role that may use the schema.
    pub(crate) role_name: String,
    /// The caller's own id for it.
    pub(crate) external_id: Option<String>,
    /// What it is for.
    pub(crate) description: Option<String>,
    /// What it may use.
    #[schema(value_type = Settings)]
    pub(crate) settings: Box<RawValue>,
    /// The newest tenant migration it has.
    #[schema(example = "20250102_000001")]
    pub(crate) migration_version: Option<String>,
    /// When its names were reserved.
    pub(crate) created_at: DateTime<Utc>,
    /// When it became active.
    pub(crate) activated_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub(crate) updated_at: DateTime<Utc>,
}

impl From<Tenant> for TenantView {
    fn from(t: Tenant) -> Self {
        Self {
            tenant_id: t.id,
            tenant_name: t.name,
            status: t.state,
            domain: t.domain,
            schema_name: t.schema,
            role_name: t.role,
            external_id: t.external_id,
            description: t.description,
            settings: t.settings,
            migration_version: t.migration_version,
            created_at: t.created_at,
            activated_at: t.activated_at,
            updated_at: t.updated_at,
        }
    }
}
