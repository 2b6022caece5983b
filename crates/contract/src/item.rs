//! What became of a batch's items.

use domain::{ItemState, TenantId};
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::OpenEnum;

/// What became of one item.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ItemResult {
    /// Its place in the request, from 0.
    pub index: u32,
    /// Its name as asked for.
    pub tenant_name: Option<String>,
    /// Where it is on its way.
    #[cfg_attr(feature = "openapi", schema(value_type = ItemState))]
    pub status: OpenEnum<ItemState>,
    /// The tenant, if names were reserved for it.
    pub tenant_id: Option<TenantId>,
    /// Its schema.
    pub schema_name: Option<String>,
    /// Its domain.
    pub domain: Option<String>,
    /// How often a worker took it.
    pub attempts: i32,
    /// Why it failed, or why its last try did.
    pub error: Option<ItemError>,
    /// The steps that took effect, in the order they ran.
    pub steps: Vec<Step>,
}

/// Why a tenant is not active.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = ItemErrorView))]
pub struct ItemError {
    /// Stable name of what went wrong.
    #[cfg_attr(feature = "openapi", schema(example = "domain_taken"))]
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// The step it happened in; null when none had begun.
    pub step: Option<String>,
    /// Whether trying again without a change may help.
    pub retryable: bool,
}

/// One step of a committed stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Step {
    /// The step's name.
    #[cfg_attr(feature = "openapi", schema(example = "create_schema"))]
    pub name: String,
    /// `done`, or `undone` when it was taken back.
    pub state: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// Some of a batch's items.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ResultPage {
    /// By index.
    pub results: Vec<ItemResult>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// What was done about a tenant's remains.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What was done, for those who read the audit log: 1 to 1000 characters.
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 1000,
            pattern = r"^[^\x00-\x20\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
            example = "dropped schema and role by hand, ticket 4711"
        )
    )]
    pub note: String,
}

/// Which failed tenants run again; without it all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FailureGroup {
    /// Only those with this error code.
    #[cfg_attr(feature = "openapi", schema(example = "migration_failed"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only those that failed in this step.
    #[cfg_attr(feature = "openapi", schema(example = "apply_migrations"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}
