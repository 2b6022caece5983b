//! `POST /batches/{id}/retry`: run failed tenants again.

use axum::{extract::State, response::Response};
use domain::OperationId;

use super::submit_batch::accepted;
use crate::{
    auth::CanOperate,
    batch_view::BatchView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::{Problem, ProblemBody},
    retry::retry,
};

/// Retry a batch
///
/// Runs the failed and cancelled tenants of a finished batch again, with fresh tries and a fresh
/// deadline. Their names are reserved again; those taken in the meantime stay failed, as do those
/// whose request was invalid.
///
/// A batch that is all or nothing runs again whole, those of its tenants that were rolled back
/// included, or not at all.
#[utoipa::path(
    post,
    path = "/batches/{id}/retry",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 202, description = "The batch, going again", body = BatchView),
        (status = 409, description = "It is not over (`batch_open`), or no tenant of it can be \
            retried (`nothing_to_retry`), or not all of one that is all or nothing \
            (`not_all_retryable`; `errors` says which)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn retry_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Response, Problem> {
    retry(&cx, &caller, id).await?;
    accepted(&cx, id).await
}
