//! The same answers with the fields that callers of the original API read.

use domain::{OperationId, TenantId};
use serde::Serialize;

use crate::{Outcome, ResultForm, Summary, TenantResult};

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
