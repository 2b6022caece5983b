//! `POST /tenants`: one tenant, as a batch of one.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Code, ItemError, Mode, NewTenant, OperationId, TenantId};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use store::{items, items::ResultError, tenants};
use utoipa::ToSchema;

use super::submit_batch::{TenantRequest, accepted, original};
use crate::{
    admission::Place,
    auth::{Caller, CanOperate},
    batch_view::BatchView,
    body,
    context::Context,
    documented::{BadSubmission, Common},
    extract::{Document, Kind},
    fingerprint::fingerprint,
    original::{Form, OriginalTenant},
    prefer::Wait,
    problem::{FieldProblem, Problem, ProblemBody},
    result_form,
    reveal::{self, Keys},
    submit::{Submission, Submitted, submit},
    tenant_view::TenantView,
    texts::Texts,
    wait,
};

/// A tenant that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedTenant {
    #[serde(flatten)]
    tenant: TenantView,
    /// Its API key; null when the request was a replayed one.
    api_key: Option<String>,
    /// Why the API key cannot be shown; left out when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_unreadable: Option<&'static str>,
    /// The batch it was made in.
    batch_id: OperationId,
}

/// Create one tenant
///
/// A batch of one, with the headers of `POST /tenants/batch`. Without `Prefer: wait` it is 202 with
/// the batch; with it, and done in time, 201 with the tenant and its API key. What is invalid or
/// taken is an error of this call.
#[utoipa::path(
    post,
    path = "/tenants",
    tag = "tenants",
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds"),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
            description = "1 to 255 visible ASCII characters, in one header"),
    ),
    request_body = TenantRequest,
    responses(
        (status = 202, description = "Accepted; the batch is at `Location`", body = BatchView),
        (status = 201, description = "Active within the wait", body = CreatedTenant),
        (status = 409, description = "A name is taken (`domain_taken`, `schema_taken`, \
            `external_id_taken`, `name_taken`), or the batch was cancelled",
            body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn create_tenant(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    place: Place,
    wait: Wait,
    headers: HeaderMap,
    document: Document,
) -> Result<Response, Problem> {
    let key = body::idempotency_key(&headers)?;
    check(&cx, &document)?;
    let tenants = Arc::new(Texts::one(document.bytes).holding(document.room));
    let mode = Mode::Independent;
    let key = key.map(|key| (key, fingerprint("tenant", mode, None, &tenants)));
    let submission = Submission { caller: &caller, tenants, mode, run_at: None, key };
    let submitted = submit(&cx, &submission).await?;
    drop(submission);
    let mut response = answer(&cx, &caller, &place, submitted, &wait).await?;
    wait.apply_to(response.headers_mut());
    Ok(response)
}

/// Whether the body is a tenant.
fn check(cx: &Context, document: &Document) -> Result<(), Problem> {
    if document.kind == Kind::Ndjson {
        let detail = "one tenant is sent as `Content-Type: application/json`";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "unsupported_media_type", detail));
    }
    let request = body::text(&document.bytes)?;
    match NewTenant::parse(request, cx.policy()) {
        Ok(_) => Ok(()),
        Err(errors) => {
            let all = ItemError::from(&errors);
            let errors = errors.told().iter().map(FieldProblem::from).collect();
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let code = all.code.as_str().to_owned();
            Err(Problem::new(status, code, all.told()).with_errors(errors))
        }
    }
}

async fn answer(
    cx: &Context,
    caller: &Caller,
    place: &Place,
    submitted: Submitted,
    wait: &Wait,
) -> Result<Response, Problem> {
    let batch = submitted.batch;
    // Without a wait, one look: what was refused at submission is over already.
    let at_most = wait.duration().unwrap_or_default();
    let finished = wait::until_finished(cx, place, batch, at_most).await?;
    if !finished {
        return not_finished(cx, caller, submitted, wait.form()).await;
    }
    let mut conn = cx.pool().acquire().await?;
    let item = items::results(&mut conn, batch, None, None, 1).await?.pop();
    drop(conn);
    let item = item.ok_or_else(|| Problem::batch_not_found(batch))?;
    match (item.tenant_id, item.error) {
        (Some(tenant), None) if wait.duration().is_some() => {
            created(cx, caller, submitted, tenant, wait.form()).await
        }
        (_, None) => not_finished(cx, caller, submitted, wait.form()).await,
        (_, Some(error)) => Err(Problem::of_item(as_item_error(error), batch)),
    }
}

async fn not_finished(
    cx: &Context,
    caller: &Caller,
    submitted: Submitted,
    form: Form,
) -> Result<Response, Problem> {
    match form {
        Form::V1 => accepted(cx, submitted.batch).await,
        Form::Original => {
            let keys_for = (!submitted.replayed).then_some(caller);
            original(cx, submitted.batch, keys_for, false).await
        }
    }
}

fn as_item_error(e: ResultError) -> ItemError {
    let ResultError { code, message, step, retryable } = e;
    ItemError { code: Code::from(code), message, step, retryable }
}

async fn created(
    cx: &Context,
    caller: &Caller,
    submitted: Submitted,
    id: TenantId,
    form: Form,
) -> Result<Response, Problem> {
    let mut response = match form {
        Form::V1 => Json(read(cx, caller, submitted, id).await?).into_response(),
        Form::Original => {
            let keys_for = (!submitted.replayed).then_some(caller);
            let results = result_form::read(cx, submitted.batch, keys_for).await?;
            Json(OriginalTenant::of(results)).into_response()
        }
    };
    *response.status_mut() = StatusCode::CREATED;
    let location = HeaderValue::from_str(&format!("{}/api/v1/tenants/{id}", cx.public_path()));
    let location = location.expect("a path of letters and digits");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

async fn read(
    cx: &Context,
    caller: &Caller,
    submitted: Submitted,
    id: TenantId,
) -> Result<CreatedTenant, Problem> {
    let mut tx = cx.pool().begin().await?;
    let tenant = tenants::find(&mut tx, id).await?;
    let tenant = tenant.ok_or_else(|| Problem::tenant_not_found(id))?;
    let mut keys = if submitted.replayed {
        Keys::default()
    } else {
        reveal::reveal(&mut tx, cx, caller, submitted.batch).await?
    };
    tx.commit().await?;
    Ok(CreatedTenant {
        tenant: tenant.into(),
        api_key: keys.revealed.pop().map(|revealed| revealed.key.expose_secret().to_owned()),
        api_key_unreadable: keys.unreadable.pop().map(|key| key.reason),
        batch_id: submitted.batch,
    })
}
