//! `/rollouts`: operations that go in waves, as such; and what is done with them alone.

use axum::{Extension, Json, extract::State, response::Response};
use contract::{ItemResult, Operation, Rollout, RolloutFailure, RolloutPage, RolloutSummary};
use domain::OperationId;
use engine::control;
use serde::Deserialize;
use serde_json::Value;
use sqlx::Connection as _;
use store::{
    operations,
    rollouts::{self, FailedGroup, Summary, WaveView},
};

use super::{
    acts::{act, reason, repair},
    operations::shown,
};
use crate::{
    context::Context,
    http::{
        auth::{CanAdminister, CanView},
        body::Document,
        cursor::List,
        openapi::{BadParameter, BadSubmission, Common, NotFound, OnceHeader},
        parameters::{Id, Params, limit},
        problem::{Problem, ProblemBody},
    },
    submission::idempotency::Act,
    views::Under,
};

const MOST: u32 = 200;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// List rollouts
#[utoipa::path(
    get,
    path = "/rollouts",
    tag = "operations",
    params(ListParams),
    responses(
        (status = 200, description = "Newest first", body = RolloutPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_rollouts(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<ListParams>,
) -> Result<Json<RolloutPage>, Problem> {
    let limit = limit(params.limit, 50, MOST)?;
    let before = params.cursor.as_deref().map(|c| List::Rollouts.after(c)).transpose()?;
    let mut conn = cx.pool().acquire().await?;
    let found = rollouts::list(&mut conn, before, i64::from(limit) + 1).await?;
    let (found, next_cursor) = List::Rollouts.page(found, limit, |it| it.id);
    let rollouts = found.into_iter().map(summary).collect();
    Ok(Json(RolloutPage { rollouts, next_cursor }))
}

fn summary(it: Summary) -> RolloutSummary {
    RolloutSummary {
        operation_id: it.id,
        state: it.state.into(),
        wave: it.place.wave,
        waves: it.waves,
        pause_reasons: it.place.reasons.into_iter().map(Into::into).collect(),
        total: it.total,
        created_at: it.created_at,
        finished_at: it.finished_at,
    }
}

/// Show a rollout
///
/// Its waves, with what became of their tenants, and why it waits if it does. Everything else of it is at
/// `/operations/{id}`.
#[utoipa::path(
    get,
    path = "/rollouts/{id}",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation")),
    responses((status = 200, description = "The rollout", body = Rollout), NotFound, Common),
)]
pub(crate) async fn get_rollout(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Rollout>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    // Of one moment: a wave that halts says why.
    let mut tx = conn.begin_with("begin isolation level repeatable read read only").await?;
    let found = operations::find(&mut tx, id).await?;
    let found = found.and_then(|it| Some((it.rollout.clone()?, it)));
    let (place, found) = found.ok_or_else(|| Problem::rollout_not_found(id))?;
    let waves = rollouts::views(&mut tx, id).await?;
    let failed = rollouts::failed(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(Rollout {
        operation_id: id,
        state: found.state.into(),
        params: found.params,
        wave: place.wave,
        pause_reasons: place.reasons.into_iter().map(Into::into).collect(),
        promote_all: place.promote_all,
        total: found.total,
        created_at: found.created_at,
        finished_at: found.finished_at,
        waves: waves.into_iter().map(wave).collect(),
        failures: failed.into_iter().map(failure).collect(),
    }))
}

fn failure(it: FailedGroup) -> RolloutFailure {
    let FailedGroup { code, step, tenants, message, first } = it;
    RolloutFailure { code, step, tenants, message, first }
}

fn wave(it: WaveView) -> contract::Wave {
    contract::Wave {
        wave: it.wave,
        state: it.state.into(),
        chosen: it.chosen,
        parallel: it.parallel,
        halt: it.halt,
        bake_secs: it.bake_secs,
        gated: it.gated,
        began_at: it.began_at,
        ended_at: it.ended_at,
        bake_until: it.bake_until,
        total: it.total,
        waiting: it.waiting,
        running: it.running,
        succeeded: it.succeeded,
        failed: it.failed,
        skipped: it.skipped,
        cancelled: it.cancelled,
    }
}

/// Promote a rollout
///
/// Ends a wait of the rollout's own. At a gate or in a bake time, the next wave begins. A wave that halted or is
/// unclear goes on, and its failures no longer halt it. With `all`, later gates and bake times are skipped as well;
/// later waves still halt on failures. A person's pause is ended by `resume` alone.
#[utoipa::path(
    post,
    path = "/operations/{id}/promote",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation"), OnceHeader),
    request_body = Option<contract::Promotion>,
    responses(
        (status = 200, description = "The operation, going on", body = Operation),
        BadSubmission,
        (status = 409, description = "It is not a rollout (`not_a_rollout`), waits for nothing of its own \
            (`nothing_to_promote`), is being stopped (`operation_ending`), or over (`operation_finished`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn promote_operation(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    once: Act,
    document: Document,
) -> Result<Response, Problem> {
    let all = document.json_if_any()?.map_or(Ok(false), promotes_all)?;
    let (pool, once) = (cx.pool(), once.with(&document)?);
    act(&cx, under, id, control::promote(&pool, caller.by_once(&once), id, all)).await?;
    shown(&cx, under, id).await
}

fn promotes_all(body: Value) -> Result<bool, Problem> {
    let wrong = |pointer, message| Err(Problem::invalid_body(pointer, "invalid_field", message));
    let Value::Object(mut fields) = body else {
        return wrong("", "the body must be an object: {\"all\": true}");
    };
    let all = match fields.remove("all") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(all)) => all,
        Some(_) => return wrong("/all", "must be true or false"),
    };
    match fields.keys().next() {
        None => Ok(all),
        Some(unknown) => Err(Problem::unknown_field(unknown, "all")),
    }
}

/// Leave a tenant out of a rollout
///
/// For an item that no worker has begun, or that failed: it ends as `cancelled` with the code `skipped`, and
/// counts no longer. A retry takes it only with this code. The reason goes into the audit log, and is erased there
/// with the tenant.
#[utoipa::path(
    post,
    path = "/operations/{id}/items/{index}/skip",
    tag = "operations",
    params(
        ("id" = OperationId, Path, description = "The operation"),
        ("index" = u32, Path, description = "The item's place in the operation, from 0"),
        OnceHeader,
    ),
    request_body = contract::Skip,
    responses(
        (status = 200, description = "The item, `cancelled`", body = ItemResult),
        (status = 409, description = "It is in work or done (`item_not_skippable`), or its operation is not a \
            rollout (`not_a_rollout`) or over (`operation_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn skip_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id((id, index)): Id<(OperationId, u32)>,
    once: Act,
    document: Document,
) -> Result<Json<ItemResult>, Problem> {
    let reason = reason(document.json()?)?;
    let (pool, once) = (cx.pool(), once.with(&document)?);
    let done = control::skip(&pool, caller.by_once(&once), id, index, &reason);
    repair(&cx, under, (id, index), done).await
}
