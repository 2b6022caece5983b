//! `GET /batches/{id}`: a batch and how far it is.

use axum::{Json, extract::State};
use domain::OperationId;

use crate::{
    auth::CanView,
    batch_view::BatchView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::Problem,
    read_batch::read,
    waiting::explained,
};

/// Show a batch
#[utoipa::path(
    get,
    path = "/batches/{id}",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses((status = 200, description = "The batch", body = BatchView), NotFound, Common),
)]
pub(crate) async fn get_batch(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<BatchView>, Problem> {
    view(&cx, id).await
}

/// The batch as it is now.
///
/// # Errors
/// 404 when there is none.
pub(super) async fn view(cx: &Context, id: OperationId) -> Result<Json<BatchView>, Problem> {
    Ok(Json(explained(cx, read(cx, id).await?).await?))
}
