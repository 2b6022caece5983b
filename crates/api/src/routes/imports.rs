//! `POST /tenants/import`: schemas that are there become tenants; `POST /tenants/{id}/release` gives one back.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use contract::{DryRun, ImportRequest, ImportsRequest, Operation};
use domain::{Kind, Mode, TenantId};
use serde::Deserialize;

use super::{deletion::confirmed, life::One, operations::awaited};
use crate::{
    context::Context,
    http::{
        auth::CanAdminister,
        body::Document,
        openapi::{BadSubmission, Common, NotFound, OnceHeader, WaitHeader},
        parameters::{Id, Params as Query},
        problem::{Problem, ProblemBody},
        wait::Held,
    },
    submission::{
        admit::{Submission, submit},
        idempotency,
        operation::Params,
        read::{How, SentBatch, read},
        try_out::try_out,
    },
    views::Under,
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportParams {
    /// Only say which names are free; a worker looks at the schemas.
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
}

/// Import schemas that are there
///
/// Each becomes a tenant's, with a role, rights and an API key; its data is not touched. A worker refuses a schema
/// that is missing, a tenant's already, or holds an object that Tenantry cannot act as the owner of
/// (`import_refused`), and one that is not what the migrations make at its `baseline`, or at any version without one
/// (`import_differs`). What it changes of the schema is kept, and `release` gives it back. One operation, with an item
/// for each tenant; a bad one harms no other. NDJSON (`application/x-ndjson`) has one tenant a line.
#[utoipa::path(
    post,
    path = "/tenants/import",
    tag = "tenants",
    params(ImportParams, WaitHeader, OnceHeader),
    request_body(content(
        (ImportsRequest = "application/json"),
        (ImportRequest = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait; or of a dry run", content(
            (Operation = "application/json"), (DryRun = "application/json"),
        )),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn import_tenants(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Query(ImportParams { dry_run }): Query<ImportParams>,
    held: Held,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers)?;
    let SentBatch { tenants, mode, run_at } = read(&cx, request, How::default()).await?;
    if mode != Mode::Independent || run_at.is_some() {
        let message = "an import has `tenants` alone: each by itself, and at once";
        return Err(Problem::invalid_body("", "invalid_field", message));
    }
    let tenants = Arc::new(tenants);
    if dry_run {
        return Ok(Json(try_out(&cx, Kind::Import, &tenants, None).await?).into_response());
    }
    let (caller, call, kind) = (&caller, "import", Kind::Import);
    let submission = Submission { caller, call, kind, tenants, mode, run_at, key };
    let submitted = submit(&cx, submission).await?;
    awaited(&cx, &held, Under::Operations, submitted.batch).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReleaseParams {
    /// The tenant's name, exactly: what is released is what is meant.
    #[param(min_length = 1, max_length = 255)]
    confirm: Option<String>,
}

/// Give an imported schema back
///
/// Its comment, owners and rights are again what the import found; its data and what migrations have made since stay.
/// The tenant is gone: its role is dropped, its API keys are refused, and its names are free.
#[utoipa::path(
    post,
    path = "/tenants/{id}/release",
    tag = "tenants",
    params(
        ("id" = TenantId, Path, description = "The tenant"),
        ReleaseParams,
        WaitHeader,
        OnceHeader,
    ),
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`. Its item fails with `not_imported` if \
            Tenantry made the schema", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        (status = 409, description = "The tenant is in another state (`wrong_tenant_state`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn release_schema(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    Id(id): Id<TenantId>,
    Query(ReleaseParams { confirm }): Query<ReleaseParams>,
    document: Document,
) -> Result<Response, Problem> {
    document.json_if_any()?;
    confirmed(&cx, id, confirm.as_deref()).await?;
    let one = One { cx: &cx, caller: &caller, headers: &headers, held: &held };
    one.tenant(id, Kind::Release, Params::Nothing, document).await
}
