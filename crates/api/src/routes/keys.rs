//! `POST /batches/{id}/api-keys/reveal` and `DELETE /batches/{id}/api-keys`: read keys, and have them
//! erased.

use axum::{Json, extract::State};
use contract::{Acknowledged, RevealedKeys};
use domain::OperationId;
use store::{api_keys, audit, operations};

use crate::{
    context::Context,
    http::{
        auth::CanOperate,
        openapi::{BadParameter, Common, NotFound},
        parameters::{Id, Params},
        problem::Problem,
    },
    reveal::{Of, Page, reveal},
    views::Under,
};

/// Reveal the API keys of a batch
///
/// Every key that is neither acknowledged nor older than 24 hours, in pages if `limit` is given. Each reveal is audited. Keys
/// that were sealed with a master key that this API does not have are named in `unreadable`.
#[utoipa::path(
    post,
    path = "/batches/{id}/api-keys/reveal",
    tag = "keys",
    params(("id" = OperationId, Path, description = "The batch"), Page),
    responses(
        (status = 200, description = "The keys, in the order they were issued", body = RevealedKeys),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn reveal_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
    Params(page): Params<Page>,
) -> Result<Json<RevealedKeys>, Problem> {
    let mut tx = cx.pool().begin().await?;
    if operations::is_finished(&mut tx, id).await?.is_none() {
        return Err(Under::Batches.not_found(id));
    }
    let keys = reveal(&mut tx, &cx, &caller, Of::Batch(id), &page).await?;
    tx.commit().await?;
    Ok(Json(keys))
}

/// Acknowledge the API keys of a batch
///
/// Erases the sealed secrets for good; the keys stay valid. Doing it again changes nothing.
#[utoipa::path(
    delete,
    path = "/batches/{id}/api-keys",
    tag = "keys",
    params(("id" = OperationId, Path, description = "The batch")),
    responses((status = 200, description = "Erased", body = Acknowledged), NotFound, Common),
)]
pub(crate) async fn acknowledge_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Acknowledged>, Problem> {
    let mut tx = cx.pool().begin().await?;
    if operations::is_finished(&mut tx, id).await?.is_none() {
        return Err(Under::Batches.not_found(id));
    }
    let tenants = api_keys::acknowledge(&mut tx, id).await?;
    if !tenants.is_empty() {
        let entry = caller.did("keys.acknowledged");
        let entry = audit::Entry { operation: Some(id), ..entry };
        audit::append_for_tenants(&mut tx, entry, &tenants).await?;
    }
    tx.commit().await?;
    Ok(Json(Acknowledged { batch_id: id, acknowledged: tenants.len() }))
}
