//! What callers of the original API are answered. They know the paths below `/api`, not `/api/v1`:
//! a create is waited for without being asked to, and answered with the fields they read.

use axum::{
    extract::Request,
    http::{Extensions, Method},
    middleware::Next,
    response::Response,
};
use domain::{OperationId, TenantId};
use serde::Serialize;

use crate::result_form::{Outcome, ResultForm, Summary, TenantResult};

/// How long a create is waited for, in seconds.
pub(crate) const WAIT_SECS: u64 = 30;

/// The form of a create's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As described.
    V1,
    /// As callers of the original API read it.
    Original,
}

impl Form {
    /// The form for a request, as [`mark`] has found it.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::V1)
    }
}

/// Tells such creates from others, by their path.
pub(crate) async fn mark(mut request: Request, next: Next) -> Response {
    let is_create = matches!(request.uri().path(), "/api/tenants" | "/api/tenants/batch");
    if is_create && request.method() == Method::POST {
        request.extensions_mut().insert(Form::Original);
    }
    next.run(request).await
}

/// A batch that is over, or what is known of it when time is.
#[derive(Serialize)]
pub(crate) struct OriginalForm {
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
pub(crate) struct OriginalResult {
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
        let unreadable =
            result.api_key_unreadable.map(|why| ("keys_unreadable".to_owned(), why.to_owned()));
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
pub(crate) struct OriginalTenant {
    #[serde(flatten)]
    result: OriginalResult,
    batch_id: OperationId,
}

impl OriginalTenant {
    /// The tenant of a batch of one.
    pub(crate) fn of(form: ResultForm) -> Option<Self> {
        let ResultForm { mut results, batch_id, .. } = form;
        Some(Self { result: results.pop()?.into(), batch_id })
    }
}
