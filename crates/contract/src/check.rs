//! How a tenant was when it was looked at, and what is wrong in the installation.

use chrono::{DateTime, Utc};
use domain::{TenantHealth, TenantId, TenantState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::OpenEnum;

/// What a look at a tenant came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantCheck {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: String,
    /// Its schema.
    pub schema_name: String,
    /// Where it is in its life now.
    #[schema(value_type = TenantState)]
    pub status: OpenEnum<TenantState>,
    /// The schema is there, is the tenant's, and is what its migrations make.
    pub schema_valid: bool,
    /// The tenant's role can get in and use its schema: false while it is suspended.
    pub db_accessible: bool,
    /// All in one word. A suspended tenant is healthy if all else is as it should be, and so is one
    /// that only lacks migrations.
    #[schema(value_type = TenantHealth)]
    pub overall_health: OpenEnum<TenantHealth>,
    /// The reasons in one text unless it is healthy; else null.
    pub error: Option<String>,
    /// What was found.
    pub reasons: Vec<CheckReason>,
    /// In which objects its schema is not what its migrations make, at most 100; null: it was not compared.
    #[serde(default)]
    pub drift: Option<Vec<DriftedObject>>,
    /// Since when its health is what it is; null: since before this was recorded.
    #[serde(default)]
    pub health_since: Option<DateTime<Utc>>,
    /// When the look began.
    pub checked_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// When it is looked at again by itself, if workers do that (`checks.every_days`).
    pub next_check_at: DateTime<Utc>,
}

/// Something that was found when a tenant was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckReason {
    /// What doctor calls it.
    #[schema(example = "shape_differs")]
    pub code: String,
    /// What it is, for people.
    pub message: String,
}

/// An object in which a tenant's schema is not what its migrations make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftedObject {
    /// Kind and name.
    #[schema(example = "column person.email")]
    pub object: String,
    /// `missing`, `differs` or `extra`.
    #[schema(example = "differs")]
    pub difference: String,
}

/// How a tenant was when it was last looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantHealthReport {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What people call it.
    pub tenant_name: String,
    /// Its schema.
    pub schema_name: String,
    /// Where it is in its life now.
    #[schema(value_type = TenantState)]
    pub status: OpenEnum<TenantState>,
    /// The schema is there, is the tenant's, and is what its migrations make.
    pub schema_valid: bool,
    /// The tenant's role can get in and use its schema: false while it is suspended.
    pub db_accessible: bool,
    /// All in one word; `error` also if nothing has looked at it yet.
    #[schema(value_type = TenantHealth)]
    pub overall_health: OpenEnum<TenantHealth>,
    /// The reasons in one text unless it is healthy; else null.
    pub error: Option<String>,
    /// What was found.
    pub reasons: Vec<CheckReason>,
    /// Whether its schema is not what its migrations make; null: it was not compared.
    pub drifted: Option<bool>,
    /// Since when its health is what it is; null: since before this was recorded.
    pub health_since: Option<DateTime<Utc>>,
    /// When the look began; null: nothing has looked at it yet.
    pub checked_at: Option<DateTime<Utc>>,
}

/// Some of the tenants, and how all of them are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantHealthPage {
    /// By id.
    pub tenants: Vec<TenantHealthReport>,
    /// Of all tenants, not of this page.
    pub summary: TenantHealthSummary,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// How many tenants are in each health, by their last looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantHealthSummary {
    /// Active and suspended tenants.
    pub total_tenants: i64,
    /// Tenants whose last look found nothing wrong.
    pub healthy: i64,
    /// Tenants whose last look found a fault.
    pub unhealthy: i64,
    /// Tenants that the last look could not reach.
    pub error: i64,
    /// Nothing has looked at them yet.
    pub unchecked: i64,
    /// Their schema is not what their migrations make.
    pub drifted: i64,
    /// False from 10,000 tenants on: the counts end there.
    pub is_exact: bool,
}

/// Something wrong that workers found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// The finding.
    pub finding_id: i64,
    /// What doctor calls it.
    #[schema(example = "shape_differs")]
    pub kind: String,
    /// What it is about.
    pub subject: FindingSubject,
    /// The tenant whose it is, if it is one tenant's.
    pub tenant_id: Option<TenantId>,
    /// What is wrong, for people.
    pub message: String,
    /// Whether `tenantry doctor --fix KIND` would repair it.
    pub fixable: bool,
    /// When it was found first.
    pub first_seen: DateTime<Utc>,
    /// When it was found last.
    pub last_seen: DateTime<Utc>,
    /// Since when it is no longer so; null: it is.
    pub closed_at: Option<DateTime<Utc>>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingSubject {
    /// `tenant`, `item`, `schema`, `role`, …
    #[schema(example = "tenant")]
    #[serde(rename = "type")]
    pub of: String,
    /// Its id or name.
    pub id: String,
}

/// Some of the findings.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FindingPage {
    /// Newest first.
    pub findings: Vec<Finding>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}
