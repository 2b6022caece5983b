//! `POST /tenants/batch` and `POST /tenants`: many tenants at once, or one as a batch of one.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{
    Batch, BatchRequest, CreatedTenant, DryRun, OriginalForm, OriginalTenant, ResultForm,
    RevealedKeys, TenantRequest,
};
use domain::{Code, ItemError, Mode, NewTenant, OperationId, TenantId};
use store::{items, items::ResultError, tenants};

use super::operations::accepted;
use crate::{
    context::Context,
    http::{
        admission::Place,
        auth::{Caller, CanOperate},
        body::{Document, Kind},
        documented::{BadSubmission, Common},
        extract::Params,
        original::Form,
        prefer::Wait,
        problem::{FieldProblem, Problem, ProblemBody},
        wait,
    },
    reveal,
    submission::{
        admit::{Submission, Submitted, submit},
        idempotency::{self, fingerprint},
        parse,
        read::{How, SentBatch, Slices, read, with_time},
        try_out::try_out,
    },
    views::{Under, result_form, tenant::tenant},
};

/// Submit a batch
///
/// Records the batch, reserves every name that is free, and queues one job per tenant: all of it
/// or nothing. A tenant that is invalid, or whose names are taken, is recorded as failed at once
/// and harms no other. NDJSON (`application/x-ndjson`) has one tenant a line; `mode` and `run_at`
/// are query parameters then.
///
/// With `"mode": "atomic"` it is all or nothing: no tenant is visible before all are built, and
/// one that fails has the others undone. One that is refused at once ends the batch at once,
/// `rolled_back`, with nothing reserved.
///
/// With `run_at` the names are reserved at once and the work begins then; its deadline counts from
/// there.
///
/// With `dry_run=true` nothing is written: the answer is 200 and says of each tenant what it would come to.
///
/// With `Prefer: wait=N` the answer is held up to N seconds; if the batch is over by then, it is
/// 200 with the whole result, API keys included. With `Idempotency-Key` the same request, compared as
/// a JSON value, is one batch however often it is sent within 24 hours; a replayed answer has no API
/// keys.
#[utoipa::path(
    post,
    path = "/tenants/batch",
    tag = "tenants",
    params(
        How,
        ("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds"),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
            description = "1 to 255 visible ASCII characters, in one header"),
    ),
    request_body(content(
        (BatchRequest = "application/json"),
        (TenantRequest = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Accepted; the batch is at `Location`", body = Batch),
        (status = 200, description = "Over within the wait; or of a dry run", content(
            (ResultForm = "application/json"), (DryRun = "application/json"),
        )),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn submit_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Params(how): Params<How>,
    place: Place,
    wait: Wait,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let dry_run = how.dry_run;
    let SentBatch { tenants, mode, run_at } = read(&cx, request, how).await?;
    let tenants = Arc::new(tenants);
    if dry_run {
        return Ok(Json(try_out(&cx, &tenants, run_at).await?).into_response());
    }
    let key = match idempotency::key(&headers)? {
        Some(key) => {
            let tenants = Arc::clone(&tenants);
            let hash = with_time(move || Ok(fingerprint("batch", mode, run_at, &tenants))).await?;
            Some((key, hash))
        }
        None => None,
    };
    let submission = Submission { caller: &caller, tenants, mode, run_at, key };
    let submitted = submit(&cx, &submission).await?;
    drop(submission);
    let mut response = batch_answer(&cx, &caller, &place, submitted, &wait).await?;
    wait.apply_to(response.headers_mut());
    Ok(response)
}

async fn batch_answer(
    cx: &Context,
    caller: &Caller,
    place: &Place,
    submitted: Submitted,
    wait: &Wait,
) -> Result<Response, Problem> {
    let finished = match wait.duration() {
        Some(at_most) => wait::until_finished(cx, place, submitted.batch, at_most).await?,
        None => false,
    };
    let keys_for = (!submitted.replayed).then_some(caller);
    match wait.form() {
        Form::V1 if finished => {
            Ok(Json(result_form::read(cx, submitted.batch, keys_for).await?).into_response())
        }
        Form::V1 => accepted(cx, Under::Batches, submitted.batch).await,
        Form::Original => original(cx, submitted.batch, keys_for, finished).await,
    }
}

/// What the callers of the original API read, of a batch that is `finished` or not.
async fn original(
    cx: &Context,
    batch: OperationId,
    keys_for: Option<&Caller>,
    finished: bool,
) -> Result<Response, Problem> {
    let results = OriginalForm::from(result_form::read(cx, batch, keys_for).await?);
    let status = if finished { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = [(header::LOCATION, Under::Batches.path(cx.public_path(), batch))];
    Ok((status, location, Json(results)).into_response())
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
        (status = 202, description = "Accepted; the batch is at `Location`", body = Batch),
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
    let key = idempotency::key(&headers)?;
    check(&cx, &document)?;
    let tenants = Arc::new(Slices::one(document.bytes, document.room));
    let mode = Mode::Independent;
    let key = key.map(|key| (key, fingerprint("tenant", mode, None, &tenants)));
    let submission = Submission { caller: &caller, tenants, mode, run_at: None, key };
    let submitted = submit(&cx, &submission).await?;
    drop(submission);
    let mut response = tenant_answer(&cx, &caller, &place, submitted, &wait).await?;
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
    let request = parse::json_text(&document.bytes)?;
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

async fn tenant_answer(
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
    let item = items::results(&mut conn, batch, None, None, None, 1).await?.pop();
    drop(conn);
    let item = item.ok_or_else(|| Under::Batches.not_found(batch))?;
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
        Form::V1 => accepted(cx, Under::Batches, submitted.batch).await,
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
    let answer = match form {
        Form::V1 => Json(created_tenant(cx, caller, submitted, id).await?).into_response(),
        Form::Original => {
            let keys_for = (!submitted.replayed).then_some(caller);
            let results = result_form::read(cx, submitted.batch, keys_for).await?;
            Json(OriginalTenant::of(results)).into_response()
        }
    };
    let location = [(header::LOCATION, format!("{}/api/v1/tenants/{id}", cx.public_path()))];
    Ok((StatusCode::CREATED, location, answer).into_response())
}

async fn created_tenant(
    cx: &Context,
    caller: &Caller,
    submitted: Submitted,
    id: TenantId,
) -> Result<CreatedTenant, Problem> {
    let mut tx = cx.pool().begin().await?;
    let found = tenants::find(&mut tx, id).await?;
    let found = found.ok_or_else(|| Problem::tenant_not_found(id))?;
    let mut keys = match submitted.replayed {
        true => RevealedKeys::default(),
        false => reveal::reveal(&mut tx, cx, caller, submitted.batch).await?,
    };
    tx.commit().await?;
    Ok(CreatedTenant {
        tenant: tenant(found),
        api_key: keys.keys.pop().map(|key| key.api_key),
        api_key_unreadable: keys.unreadable.pop().map(|key| key.reason),
        batch_id: submitted.batch,
    })
}
