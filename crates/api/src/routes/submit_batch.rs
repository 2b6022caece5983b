//! `POST /tenants/batch`: many tenants at once.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use domain::{Mode, OperationId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::get_batch::view;
use crate::{
    admission::Place,
    auth::{Caller, CanOperate},
    batch_view::{self, BatchView},
    body::{self, HowAsked, SentBatch},
    context::Context,
    documented::{BadSubmission, Common},
    extract::Params,
    fingerprint::fingerprint,
    original::{Form, OriginalForm},
    prefer::Wait,
    problem::Problem,
    receive::{receive, with_time},
    result_form::{self, ResultForm},
    submit::{Submission, Submitted, submit},
    wait,
};

/// A batch to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read item by item")]
struct BatchRequest {
    /// The tenants, at most `MAX_TENANTS_PER_BATCH`, each of at most 262,144 bytes.
    #[schema(min_items = 1)]
    tenants: Vec<TenantRequest>,
    /// How they hang together: `independent` without it.
    mode: Option<Mode>,
    /// When to start: in the future, within 30 days; without it at once.
    run_at: Option<DateTime<Utc>>,
}

/// A tenant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read item by item")]
pub(super) struct TenantRequest {
    /// What people call it, 1 to 255 characters; may repeat. White space around this and the other
    /// names is taken off.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*[!-~][^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$",
        example = "Acme Corp"
    )]
    tenant_name: String,
    /// Where it answers; unique in any letter case and writing. A host name of at least two labels,
    /// in ASCII or in Unicode (IDNA); no IP address.
    #[schema(min_length = 3, max_length = 254, example = "acme.example.com")]
    domain: String,
    /// Its schema, `[a-z_][a-z0-9_]*`, at most 63 bytes; left out, it is derived from the name.
    #[schema(
        min_length = 1,
        max_length = 63,
        pattern = "^[A-Za-z_][A-Za-z0-9_]*$",
        example = "tenant_acme"
    )]
    schema_name: Option<String>,
    /// What it is for, at most 4000 characters; of the control characters only tab and line ends.
    #[schema(max_length = 4000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// What it may use; left out, the defaults.
    settings: Option<domain::Settings>,
    /// The caller's own id for it; unique.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[!-~][^\x00-\x1f\x7f-\x9f]*$",
        example = "cus_4711"
    )]
    external_id: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HowParams {
    /// How the tenants hang together, where the body does not say: `independent`.
    #[param(value_type = Option<Mode>)]
    mode: Option<String>,
    /// When to start (RFC 3339), where the body does not say: at once.
    #[param(value_type = Option<DateTime<Utc>>)]
    run_at: Option<String>,
}

impl HowParams {
    fn as_asked(&self) -> HowAsked<'_> {
        HowAsked { mode: self.mode.as_deref(), run_at: self.run_at.as_deref() }
    }
}

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
/// With `Prefer: wait=N` the answer is held up to N seconds; if the batch is over by then, it is
/// 200 with the whole result, API keys included. With `Idempotency-Key` the same request, compared as
/// a JSON value, is one batch however often it is sent within 24 hours; a replayed answer has no API
/// keys.
#[utoipa::path(
    post,
    path = "/tenants/batch",
    tag = "tenants",
    params(
        HowParams,
        ("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds"),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
            description = "1 to 255 visible ASCII characters, in one header"),
    ),
    request_body(content(
        (BatchRequest = "application/json"),
        (TenantRequest = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Accepted; the batch is at `Location`", body = BatchView),
        (status = 200, description = "Over within the wait", body = ResultForm),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn submit_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Params(how): Params<HowParams>,
    place: Place,
    wait: Wait,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let sent = receive(&cx, request, how.as_asked()).await?;
    let SentBatch { tenants, mode, run_at } = sent;
    let tenants = Arc::new(tenants);
    let key = match body::idempotency_key(&headers)? {
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
    let mut response = answer(&cx, &caller, &place, submitted, &wait).await?;
    wait.apply_to(response.headers_mut());
    Ok(response)
}

async fn answer(
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
        Form::V1 => accepted(cx, submitted.batch).await,
        Form::Original => original(cx, submitted.batch, keys_for, finished).await,
    }
}

/// 202: the batch as it is now, and where to find it.
pub(super) async fn accepted(cx: &Context, batch: OperationId) -> Result<Response, Problem> {
    Ok(located(cx, batch, (StatusCode::ACCEPTED, view(cx, batch).await?)))
}

/// What the callers of the original API read, of a batch that is `finished` or not.
pub(super) async fn original(
    cx: &Context,
    batch: OperationId,
    keys_for: Option<&Caller>,
    finished: bool,
) -> Result<Response, Problem> {
    let results = OriginalForm::from(result_form::read(cx, batch, keys_for).await?);
    let status = if finished { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(located(cx, batch, (status, Json(results))))
}

fn located(cx: &Context, batch: OperationId, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let location = HeaderValue::from_str(&batch_view::path(cx.public_path(), batch));
    let location = location.expect("a path of letters, digits and hyphens");
    response.headers_mut().insert(header::LOCATION, location);
    response
}
