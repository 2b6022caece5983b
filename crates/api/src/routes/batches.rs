//! `/batches` and `/batches/{id}`: batches, how far each is, and what operators do to one.

use axum::{Json, extract::State, response::Response};
use contract::{Batch, BatchPage};
use domain::OperationId;
use serde::Deserialize;
use store::operations;

use super::{
    acts::{Act, act, group},
    submit::accepted,
};
use crate::{
    context::Context,
    http::{
        auth::{CanOperate, CanView},
        body::Document,
        cursor::List,
        documented::{BadParameter, BadSubmission, Common, NotFound},
        extract::{Id, Params, limit},
        problem::{Problem, ProblemBody},
    },
    views::{Under, batch},
};

/// Most batches of one page.
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

/// List batches
#[utoipa::path(
    get,
    path = "/batches",
    tag = "batches",
    params(ListParams),
    responses(
        (status = 200, description = "Newest first", body = BatchPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_batches(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<ListParams>,
) -> Result<Json<BatchPage>, Problem> {
    let limit = limit(params.limit, 50, MOST)?;
    let before = params.cursor.as_deref().map(|c| List::Batches.after(c)).transpose()?;
    let mut conn = cx.pool().acquire().await?;
    let found =
        operations::list(&mut conn, Under::Batches.kind(), None, before, i64::from(limit) + 1)
            .await?;
    let (found, next_cursor) = List::Batches.page(found, limit, |batch| batch.id);
    let batches = found.into_iter().map(|line| batch::summary(line, cx.public_path())).collect();
    Ok(Json(BatchPage { batches, next_cursor }))
}

/// Show a batch
#[utoipa::path(
    get,
    path = "/batches/{id}",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses((status = 200, description = "The batch", body = Batch), NotFound, Common),
)]
pub(crate) async fn get_batch(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Batch>, Problem> {
    Ok(Json(batch::read(&cx, id).await?))
}

/// Cancel a batch
///
/// Tenants that no worker has begun are cancelled and give their names back; those in work are
/// stopped and undone at the next safe point, or end as they would have; of a batch that is all or
/// nothing, those that are built are undone too. It ends a pause. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/batches/{id}/cancel",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 202, description = "The batch, `cancelling` or over", body = Batch),
        (status = 409, description = "It is over (`batch_finished`), or being \
            rolled back (`batch_ending`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn cancel_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Response, Problem> {
    act(&cx, &caller, Under::Batches, id, Act::Cancel).await?;
    accepted(&cx, id).await
}

/// Pause a batch
///
/// Workers start no more of its items until it is resumed; items in progress finish. The deadline keeps
/// running: a batch that is still paused then is cancelled. A batch with a later `run_at` does not start
/// while it is paused.
#[utoipa::path(
    post,
    path = "/batches/{id}/pause",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch, paused", body = Batch),
        (status = 409, description = "It is paused (`batch_paused`), being stopped or \
            rolled back (`batch_ending`), or over (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn pause_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Batch>, Problem> {
    act(&cx, &caller, Under::Batches, id, Act::Pause).await?;
    Ok(Json(batch::read(&cx, id).await?))
}

/// Resume a batch
///
/// What waits is given to the workers again, at once.
#[utoipa::path(
    post,
    path = "/batches/{id}/resume",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch, going on", body = Batch),
        (status = 409, description = "It is not paused (`batch_not_paused`), or over \
            (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resume_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Batch>, Problem> {
    act(&cx, &caller, Under::Batches, id, Act::Resume).await?;
    Ok(Json(batch::read(&cx, id).await?))
}

/// Retry a batch
///
/// Runs the failed and cancelled tenants of a finished batch again, with fresh tries and a fresh
/// deadline; with `code` or `step` only those that failed so, and the others stay as they are. Their
/// names are reserved again; those taken in the meantime stay failed, as do those whose request was
/// invalid.
///
/// A batch that is all or nothing runs again whole, those of its tenants that were rolled back
/// included, or not at all.
#[utoipa::path(
    post,
    path = "/batches/{id}/retry",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    request_body = Option<contract::FailureGroup>,
    responses(
        (status = 202, description = "The batch, going again", body = Batch),
        (status = 409, description = "It is not over (`batch_open`), or no tenant of it can be \
            retried (`nothing_to_retry`), or not all of one that is all or nothing \
            (`not_all_retryable`; `errors` says which)", body = ProblemBody,
            content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn retry_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
    document: Document,
) -> Result<Response, Problem> {
    act(&cx, &caller, Under::Batches, id, Act::Retry(group(&document)?)).await?;
    accepted(&cx, id).await
}
