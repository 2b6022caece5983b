//! The results of a batch, all in one answer; and the same with the fields that callers of the original API
//! read. It holds keys, so it has no `Debug`.

use domain::{OperationId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ItemError;

/// What became of a batch, all of it.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct ResultForm {
    /// Whether every tenant is active.
    pub success: bool,
    /// The same in words.
    pub message: String,
    /// What became of each tenant, in the order of the request.
    pub results: Vec<TenantResult>,
    /// The counts.
    pub summary: Summary,
    /// The batch, for everything else.
    pub batch_id: OperationId,
}

/// What became of one tenant.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct TenantResult {
    /// Its name as asked for.
    pub tenant_name: Option<String>,
    /// Whether it is active.
    pub status: Outcome,
    /// The tenant, if names were reserved for it.
    pub tenant_id: Option<TenantId>,
    /// Its API key. Shown to the submitter only, never to a replayed request.
    pub api_key: Option<String>,
    /// Why its API key cannot be shown; left out when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_unreadable: Option<String>,
    /// Its schema.
    pub schema_name: Option<String>,
    /// Its domain.
    pub domain: Option<String>,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// How one tenant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is active.
    Success,
    /// It is not.
    Error,
}

/// The counts of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Tenants asked for.
    pub total_requested: u64,
    /// Tenants active.
    pub successful: u64,
    /// Tenants that ended and are not.
    pub failed: u64,
    /// From the first tenant's start to the last one's end so far, in milliseconds.
    pub processing_time_ms: i64,
}

/// A batch that is over, or what is known of it when time is.
#[derive(Serialize)]
pub struct OriginalForm {
    success: bool,
    message: String,
    results: Vec<OriginalResult>,
    summary: Summary,
    batch_id: OperationId,
}

impl From<ResultForm> for OriginalForm {
    fn from(form: ResultForm) -> Self {
        let ResultForm { success, message, results, summary, batch_id } = form;
        let results = results.into_iter().map(OriginalResult::from).collect();
        Self { success, message, results, summary, batch_id }
    }
}

/// What became of one tenant. Every field is always there.
#[derive(Serialize)]
pub struct OriginalResult {
    tenant_name: Option<String>,
    status: Outcome,
    tenant_id: Option<TenantId>,
    api_key: Option<String>,
    schema_name: Option<String>,
    domain: Option<String>,
    /// In words.
    error: Option<String>,
    error_code: Option<String>,
}

impl From<TenantResult> for OriginalResult {
    fn from(result: TenantResult) -> Self {
        let unreadable = result.api_key_unreadable.map(|why| ("keys_unreadable".to_owned(), why));
        let failed = result.error.map(|error| (error.code, error.message));
        let (error_code, error) = failed.or(unreadable).unzip();
        Self {
            tenant_name: result.tenant_name,
            status: result.status,
            tenant_id: result.tenant_id,
            api_key: result.api_key,
            schema_name: result.schema_name,
            domain: result.domain,
            error,
            error_code,
        }
    }
}

/// One tenant that was made by a call of its own.
#[derive(Serialize)]
pub struct OriginalTenant {
    #[serde(flatten)]
    result: OriginalResult,
    batch_id: OperationId,
}

impl OriginalTenant {
    /// The tenant of a batch of one.
    #[must_use]
    pub fn of(form: ResultForm) -> Option<Self> {
        let ResultForm { mut results, batch_id, .. } = form;
        Some(Self { result: results.pop()?.into(), batch_id })
    }
}
