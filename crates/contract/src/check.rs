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
