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
    /// Its labels, key to value.
    #[schema(value_type = Option<HashMap<String, String>>)]
    #[serde(default)]
    pub labels: Option<Box<RawValue>>,
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
    /// The deletion while the status is `deleting`; else null.
    #[serde(default)]
    pub deletion: Option<Deletion>,
    /// What keeps it from being dropped; null: nothing.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// Whether a deletion of it is refused.
    #[serde(default)]
    #[schema(required)]
    pub deletion_protected: bool,
    /// What is there of its schema and role; null in lists.
    #[serde(default)]
    #[schema(value_type = Option<SchemaStatus>)]
    pub schema_status: Option<OpenEnum<SchemaStatus>>,
    /// When it was last looked at, which `drifted` goes by; null: not yet, and in lists.
    #[serde(default)]
    pub checked_at: Option<DateTime<Utc>>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Another one after each change; the `ETag` is this text in quotes.
    #[serde(default)]
    pub version: Option<String>,
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

/// Why a tenant is to be deleted, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
    /// When its grace is over: from then on it is dropped, and `undelete` comes too late.
    pub purge_at: Option<DateTime<Utc>>,
}

/// Why a tenant must not be dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
}

/// Why a tenant is to be held.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// Why, for those who look at the tenant: 1 to 500 characters, none of them control ones.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$"
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was erased of a tenant that is gone, and what is not.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EraseReport {
    /// The tenant.
    #[schema(value_type = i64)]
    pub tenant_id: TenantId,
    /// When it was dropped and erased.
    pub deleted_at: DateTime<Utc>,
    /// Who asked for it, as the audit log names them; null once that operation is no longer kept.
    pub asked_by: Option<String>,
    /// When that was.
    pub asked_at: Option<DateTime<Utc>>,
    /// How much was erased.
    pub erased: Erased,
    /// What is still there.
    pub remains: Vec<Remainder>,
}

/// How much was erased.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// API keys, with their hashes.
    pub api_keys: i64,
    /// Items of operations that lost names, texts and settings.
    pub items: i64,
    /// Failed tries that lost their messages.
    pub attempts: i64,
    /// Audit entries that lost what was personal in them.
    pub audit_entries: i64,
}

/// Something that is not erased.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Remainder {
    /// What it is, in words.
    pub what: String,
    /// Until when; null where that is not a moment.
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
    /// Both exist, and the schema lacks a tenant migration; else it was as its own migrations make it.
    Behind,
    /// Both exist, and when it was last looked at its schema was not what its migrations make.
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
