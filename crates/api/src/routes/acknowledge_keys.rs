//! `DELETE /batches/{id}/api-keys`: the caller has the keys, erase them.

use axum::{extract::State, http::StatusCode};
use domain::BatchId;
use store::{api_keys, audit, batches};

use crate::{
    auth::CanOperate,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::Problem,
};

/// Acknowledge the API keys of a batch
///
/// Erases the sealed secrets for good; the keys stay valid. Doing it again changes nothing.
#[utoipa::path(
    delete,
    path = "/batches/{id}/api-keys",
    tag = "keys",
    params(("id" = BatchId, Path, description = "The batch")),
    responses((status = 204, description = "Erased"), NotFound, Common),
)]
pub(crate) async fn acknowledge_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<BatchId>,
) -> Result<StatusCode, Problem> {
    let mut tx = cx.pool().begin().await?;
    if batches::is_finished(&mut tx, id).await?.is_none() {
        return Err(Problem::batch_not_found(id));
    }
    let tenants = api_keys::acknowledge(&mut tx, id).await?;
    if !tenants.is_empty() {
        let entry = caller.did("keys.acknowledged");
        let entry = audit::Entry { batch: Some(id), ..entry };
        audit::append_for_tenants(&mut tx, entry, &tenants).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
