//! `/operations` and `/operations/{id}`: operations of any kind. Most of it is answered below `/batches` too.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{
    Batch, BatchPage, NoOperation, NothingToDo, Operation, OperationPage, OperationRequest,
    SampledTenant, Selection,
};
use domain::{Kind, Mode, OperationId, OperationState};
use engine::control::{self, Group, Retry};
use serde::Deserialize;
use store::{operations, rollouts::PlannedWave};

use super::acts::{act, group};
use crate::{
    context::Context,
    http::{
        auth::{CanOperate, CanView},
        body::Document,
        openapi::{BadParameter, BadSubmission, Common, NotFound, OnceHeader, WaitHeader},
        parameters::{Id, Params, limit, word},
        problem::{Problem, ProblemBody},
        wait::Held,
    },
    submission::{
        ask::{Outcome, ask},
        changes,
        idempotency::{self, Act, fingerprint},
        operation::AskedOperation,
        read::Slices,
    },
    views::{Under, operation},
};

const MOST: u32 = 200;

/// Submit an operation
///
/// Does something to tenants that are there: `kind` is `migrate`, `update`, `suspend`, `resume`,
/// `rotate_keys` or `revoke_keys`. New tenants go to `POST /tenants/batch`. A suspension and a revocation take
/// effect when they are accepted, whatever else works on their tenants.
///
/// The tenants are `tenants`, a list of ids, or those that all of `selector` fits; `{"all": true}` is
/// every one. They are fixed at this moment: one item each, by id. Tenants that need nothing are left out;
/// if all of them are, the answer is 200 and there is no operation.
///
/// `"dry_run": true` writes nothing and answers how many tenants it would be, the first 20 of them, and a
/// `digest` of kind, params and tenants. A `selector` must come with this digest: if other tenants fit it by
/// then, or kind or params are not those that were looked at, the request is refused with `selection_changed`.
///
/// With `policy.rollout` a migration goes in waves; the dry run shows them, and the digest names them too.
///
/// With `Idempotency-Key` the same request, compared as a JSON value, is one operation however often it is
/// sent within 24 hours. A migration needs the role `admin`.
#[utoipa::path(
    post,
    path = "/operations",
    tag = "operations",
    params(OnceHeader, WaitHeader),
    request_body = OperationRequest,
    responses(
        (status = 202, description = "Accepted; the operation is at `Location`", body = Operation),
        (status = 200, description = "Over within the wait; of a dry run, the selection; else no tenant needs it",
            content((Operation = "application/json"), (NoOperation = "application/json"))),
        (status = 409, description = "The digest is missing (`digest_required`) or of another request \
            (`selection_changed`), or the set is left out and the workers have none or several (`no_set`, \
            `several_sets`)", body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        Common,
    ),
)]
pub(crate) async fn submit_operation(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    held: Held,
    headers: HeaderMap,
    document: Document,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers)?;
    let most = cx.settings.api.max_tenants_per_batch;
    let body = document.json()?;
    let is_exact = changes::keeps_its_digits(document.text("an operation")?, &body);
    let asked = AskedOperation::read(body, most)?;
    if asked.kind == Kind::Update && !is_exact {
        let message =
            "a number has more digits than a 64-bit one: send a list to POST /tenants/update";
        return Err(Problem::invalid_body("/params/patch", "invalid_field", message));
    }
    let body = Slices::one(document.bytes, document.room);
    let key = key.map(|key| (key, fingerprint("operation", Mode::Independent, None, &body)));
    match ask(&cx, &caller, &asked, key).await? {
        Outcome::Operation(id) => awaited(&cx, &held, Under::Operations, id).await,
        Outcome::Nothing(up_to_date) => {
            let nothing = NothingToDo { operation: None, up_to_date };
            Ok(Json(NoOperation::NothingToDo(nothing)).into_response())
        }
        Outcome::Looked(selected) => {
            let sample = selected.sample.into_iter();
            let sample =
                sample.map(|(tenant_id, tenant_name)| SampledTenant { tenant_id, tenant_name });
            let (tenants, digest) = (selected.tenants, selected.digest);
            let waves = asked.rollout.is_some().then(|| planned(selected.waves)).transpose()?;
            let selection = Selection { tenants, digest, sample: sample.collect(), waves };
            Ok(Json(NoOperation::Selection(selection)).into_response())
        }
    }
}

/// The waves of a dry run.
fn planned(waves: Vec<PlannedWave>) -> Result<Vec<contract::PlannedWave>, Problem> {
    let one = |it: PlannedWave| {
        let sample = serde_json::from_value(it.sample).map_err(Problem::internal)?;
        let PlannedWave { wave, tenants, chosen, .. } = it;
        Ok(contract::PlannedWave { wave, tenants, chosen, sample })
    };
    waves.into_iter().map(one).collect()
}

/// The operation as it is now.
pub(super) async fn shown(
    cx: &Context,
    under: Under,
    id: OperationId,
) -> Result<Response, Problem> {
    Ok(under.spelt::<Batch>(operation::read(cx, under, id).await?))
}

/// 202: the operation as it is now, and where to find it.
pub(super) async fn accepted(
    cx: &Context,
    under: Under,
    id: OperationId,
) -> Result<Response, Problem> {
    let location = [(header::LOCATION, under.path(cx.public_path(), id))];
    Ok((StatusCode::ACCEPTED, location, shown(cx, under, id).await?).into_response())
}

/// The same, or 200 if it is over within the wait.
pub(super) async fn awaited(
    cx: &Context,
    held: &Held,
    under: Under,
    id: OperationId,
) -> Result<Response, Problem> {
    let status = held.status(cx, id).await?;
    let location = [(header::LOCATION, under.path(cx.public_path(), id))];
    Ok(held.told((status, location, shown(cx, under, id).await?)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only operations of this kind.
    #[param(value_type = Option<Kind>)]
    kind: Option<String>,
    /// Only operations in this state.
    #[param(value_type = Option<OperationState>)]
    state: Option<String>,
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// List operations
#[utoipa::path(
    get,
    path = "/operations",
    tag = "operations",
    params(ListParams),
    responses(
        (status = 200, description = "Newest first", body = OperationPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_operations(
    _: CanView,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let kind = word("kind", params.kind.as_deref(), Kind::ALL)?;
    let state = word("state", params.state.as_deref(), OperationState::ALL)?;
    let limit = limit(params.limit, 50, MOST)?;
    let before = params.cursor.as_deref().map(|c| under.list().after(c)).transpose()?;
    let mut conn = cx.pool().acquire().await?;
    let kind = under.kind().or(kind);
    let found = operations::list(&mut conn, kind, state, before, i64::from(limit) + 1).await?;
    let (found, next_cursor) = under.list().page(found, limit, |line| line.id);
    let line = |line| operation::summary(line, under, cx.public_path());
    let operations = found.into_iter().map(line).collect();
    Ok(under.spelt::<BatchPage>(OperationPage { operations, next_cursor }))
}

/// Show an operation
#[utoipa::path(
    get,
    path = "/operations/{id}",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation")),
    responses((status = 200, description = "The operation", body = Operation), NotFound, Common),
)]
pub(crate) async fn get_operation(
    _: CanView,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
) -> Result<Response, Problem> {
    shown(&cx, under, id).await
}

/// Cancel an operation
///
/// Tenants that no worker has begun are cancelled, and names that were reserved for them are free again.
/// Those in work are stopped and undone at the next safe point if their kind undoes, or end as they would
/// have; where it is all or nothing, those that are built are undone too. It ends a pause. Asking again
/// changes nothing.
#[utoipa::path(
    post,
    path = "/operations/{id}/cancel",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation"), OnceHeader, WaitHeader),
    responses(
        (status = 202, description = "The operation, `cancelling` or over", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        BadSubmission,
        (status = 409, description = "It is over (`operation_finished`), or being \
            rolled back (`operation_ending`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn cancel_operation(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    once: Act,
    held: Held,
) -> Result<Response, Problem> {
    act(&cx, under, id, control::cancel(&cx.pool(), caller.by_once(&once), id)).await?;
    awaited(&cx, &held, under, id).await
}

/// Pause an operation
///
/// Workers start no more of its items until it is resumed; items in progress finish. If it has a deadline,
/// that keeps running: an operation that is still paused then is cancelled. An operation with a later
/// `run_at` does not start while it is paused.
#[utoipa::path(
    post,
    path = "/operations/{id}/pause",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation"), OnceHeader),
    responses(
        (status = 200, description = "The operation, paused", body = Operation),
        BadSubmission,
        (status = 409, description = "It is paused (`operation_paused`), being stopped or rolled back \
            (`operation_ending`), or over (`operation_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn pause_operation(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    once: Act,
) -> Result<Response, Problem> {
    act(&cx, under, id, control::pause(&cx.pool(), caller.by_once(&once), id)).await?;
    shown(&cx, under, id).await
}

/// Resume an operation
///
/// What waits is given to the workers again, at once.
#[utoipa::path(
    post,
    path = "/operations/{id}/resume",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation"), OnceHeader),
    responses(
        (status = 200, description = "The operation, going on", body = Operation),
        BadSubmission,
        (status = 409, description = "It is not paused (`operation_not_paused`), or over \
            (`operation_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resume_operation(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    once: Act,
) -> Result<Response, Problem> {
    act(&cx, under, id, control::resume(&cx.pool(), caller.by_once(&once), id)).await?;
    shown(&cx, under, id).await
}

/// Retry an operation
///
/// Runs the failed and cancelled tenants of a finished operation, or of a rollout that halted, again, with fresh tries and, if it has
/// one, a fresh deadline; with `code` or `step` only those that failed so, and the others stay as they are.
/// What a tenant has of it stays done. Names of tenants to be made are reserved again; those taken in the
/// meantime stay failed, as do those whose request was invalid.
///
/// An operation that is all or nothing runs again whole, those of its tenants that were rolled back
/// included, or not at all. It needs the role that submits an operation of its kind.
#[utoipa::path(
    post,
    path = "/operations/{id}/retry",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation"), OnceHeader, WaitHeader),
    request_body = Option<contract::FailureGroup>,
    responses(
        (status = 202, description = "The operation, going again", body = Operation),
        (status = 200, description = "Over within the wait", body = Operation),
        (status = 409, description = "It is not over (`operation_open`), or no tenant of it can be \
            retried (`nothing_to_retry`), or not all of one that is all or nothing \
            (`not_all_retryable`; `errors` says which)", body = ProblemBody,
            content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn retry_operation(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    once: Act,
    held: Held,
    document: Document,
) -> Result<Response, Problem> {
    let group = group(&document)?;
    caller.may(under.check(&cx, id).await?.role())?;
    let (pool, once) = (cx.pool(), once.with(&document)?);
    let retried = control::retry(&pool, caller.by_once(&once), id, how(&cx, &group));
    act(&cx, under, id, retried).await?;
    awaited(&cx, &held, under, id).await
}

/// The names and the deadline of what runs again.
fn how<'a>(cx: &'a Context, group: &'a Group) -> Retry<'a> {
    let tenants = &cx.settings.tenants;
    Retry {
        group,
        policy: &cx.policy,
        schema_prefix: &tenants.schema_prefix,
        timeout: Duration::from_secs(tenants.batch_timeout_secs),
    }
}
