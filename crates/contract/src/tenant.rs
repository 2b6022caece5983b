//! A tenant, and how it is.

use chrono::{DateTime, Utc};
use domain::{OperationId, TenantId, TenantState};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::OpenEnum;

/// A tenant as the registry knows it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: String,
    /// Where it is in its life. Only an `active` one can be used.
    #[schema(value_type = TenantState)]
    pub status: OpenEnum<TenantState>,
    /// Where it answers, in A-label form.
    pub domain: String,
    /// Its schema.
    pub schema_name: String,
    /// The database role that may use the schema.
    pub role_name: String,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it may use.
    #[schema(value_type = domain::Settings)]
    pub settings: Box<RawValue>,
    /// The newest tenant migration it has.
    #[schema(example = "20250102_000001")]
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    /// When it became active.
    pub activated_at: Option<DateTime<Utc>>,
    /// The suspension while the status is `suspended`; else null.
    #[serde(default)]
    pub suspension: Option<Suspension>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Why and until when a tenant cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suspension {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
    /// When it ends by itself; null: only `resume` ends it.
    pub until: Option<DateTime<Utc>>,
}

/// Some of the tenants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantPage {
    /// By id.
    pub tenants: Vec<Tenant>,
    /// The page asked for; null with `cursor`.
    pub page: Option<u32>,
    /// Most tenants of a page.
    pub limit: u32,
    /// Tenants found in all; if there are more than 10,000 this is 10,001.
    pub total: i64,
    /// Whether `total` is all there are.
    pub total_is_exact: bool,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// How a tenant is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TenantStatusView)]
pub struct TenantStatus {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: String,
    /// Where it is in its life.
    #[schema(value_type = TenantState)]
    pub status: OpenEnum<TenantState>,
    /// What is there of its schema and role.
    #[schema(value_type = SchemaStatus)]
    pub schema_status: OpenEnum<SchemaStatus>,
    /// The newest tenant migration it has.
    #[schema(example = "20250102_000001")]
    pub migration_version: Option<String>,
    /// When its names were reserved.
    pub created_at: DateTime<Utc>,
    /// When it was last looked at, which `drifted` goes by; null: not yet.
    #[serde(default)]
    pub checked_at: Option<DateTime<Utc>>,
    /// Last use of one of its keys, or last change that a caller asked for; null if there was none.
    pub last_activity: Option<DateTime<Utc>>,
}

/// How a tenant's schema and role stand, looked up in the catalogue; `drifted` by the last look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaStatus {
    /// They are yet to be made.
    Pending,
    /// Both exist, and the schema has every tenant migration of the set that workers learnt last.
    Provisioned,
    /// Both exist, and the schema lacks a tenant migration.
    Behind,
    /// Both exist, and when it was last looked at its schema was not what the migrations make.
    Drifted,
    /// The tenant should have them, and one is missing.
    Failed,
    /// The tenant has ended, and they are gone.
    Absent,
}

/// A tenant that was just made.
#[derive(Serialize, ToSchema)]
pub struct CreatedTenant {
    #[expect(missing_docs, reason = "its own fields stand here")]
    #[serde(flatten)]
    pub tenant: Tenant,
    /// Its API key; null when the request was a replayed one.
    pub api_key: Option<String>,
    /// Why the API key cannot be shown; left out when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_unreadable: Option<String>,
    /// The batch it was made in.
    pub batch_id: OperationId,
}
