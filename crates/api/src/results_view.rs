//! What became of a batch's items, as callers see it.

use domain::{ItemState, TenantId};
use serde::{Deserialize, Serialize};
use store::items::{ItemResult, ResultError};
use utoipa::ToSchema;

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemResult)]
pub(crate) struct ResultView {
    /// Its place in the request, from 0.
    pub(crate) index: u32,
    /// Its name as asked for.
    pub(crate) tenant_name: Option<String>,
    /// Where it is on its way.
    pub(crate) status: ItemState,
    /// The tenant, if names were reserved for it.
    pub(crate) tenant_id: Option<TenantId>,
    /// Its schema.
    pub(crate) schema_name: Option<String>,
    /// Its domain.
    pub(crate) domain: Option<String>,
    /// How often a worker took it.
    pub(crate) attempts: i32,
    /// Why it failed, or why its last try did.
    pub(crate) error: Option<ErrorView>,
    /// The steps that took effect, in the order they ran.
    pub(crate) steps: Vec<StepView>,
}

/// Why a tenant is not active.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemErrorView)]
pub(crate) struct ErrorView {
    /// Stable name of what went wrong.
    #[schema(example = "domain_taken")]
    pub(crate) code: String,
    /// What happened, for people.
    pub(crate) message: String,
    /// The step it happened in; null when none had begun.
    pub(crate) step: Option<String>,
    /// Whether trying again without a change may help.
    pub(crate) retryable: bool,
}

/// One step of a committed stage.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Step)]
pub(crate) struct StepView {
    /// The step's name.
    #[schema(example = "create_schema")]
    name: String,
    /// `done`, or `undone` when it was taken back.
    state: String,
    /// How long it took, in milliseconds.
    duration_ms: f64,
}

impl From<ItemResult> for ResultView {
    fn from(item: ItemResult) -> Self {
        Self {
            index: item.index,
            tenant_name: item.tenant_name,
            status: item.state,
            tenant_id: item.tenant_id,
            schema_name: item.schema_name,
            domain: item.domain,
            attempts: item.attempts,
            error: item.error.map(ErrorView::from),
            steps: serde_json::from_value(item.steps).unwrap_or_default(),
        }
    }
}

impl From<ResultError> for ErrorView {
    fn from(e: ResultError) -> Self {
        Self { code: e.code, message: e.message, step: e.step, retryable: e.retryable }
    }
}
