//! `POST /batches/{id}/items/{index}/undo`: take a tenant's remains back after all.

use axum::{Json, extract::State, http::StatusCode};
use domain::OperationId;
use engine::control;

use crate::{
    auth::CanAdminister,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::{Problem, ProblemBody},
    results_view::ResultView,
};

/// Undo a tenant again
///
/// For an item in `undo_failed` whose cause has been seen to: a worker takes its remains back, with
/// fresh tries. A batch that is over is open again until that has ended.
#[utoipa::path(
    post,
    path = "/batches/{id}/items/{index}/undo",
    tag = "batches",
    params(
        ("id" = OperationId, Path, description = "The batch"),
        ("index" = u32, Path, description = "The item's place in the request, from 0"),
    ),
    responses(
        (status = 202, description = "The item, `unwinding`", body = ResultView),
        (status = 409, description = "Its undo did not fail (`item_not_undo_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn undo_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id((batch, index)): Id<(OperationId, u32)>,
) -> Result<(StatusCode, Json<ResultView>), Problem> {
    let pool = cx.pool();
    control::undo(&pool, caller.by(), batch, index).await?;
    cx.counts().forget(batch);
    let item = control::item(&mut *pool.acquire().await?, batch, index).await?;
    Ok((StatusCode::ACCEPTED, Json(item.into())))
}
