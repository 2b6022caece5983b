//! `DELETE /batches/{id}/api-keys`: the caller has the keys, erase them.

use axum::{Json, extract::State};
use domain::OperationId;
use serde::Serialize;
use store::{api_keys, audit, operations};
use utoipa::ToSchema;

use crate::{
    auth::CanOperate,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::Problem,
};

/// What was acknowledged.
#[derive(Serialize, ToSchema)]
pub(crate) struct Acknowledged {
    /// Whose keys they are.
    batch_id: OperationId,
    /// How many secrets were erased by this call.
    acknowledged: usize,
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
        return Err(Problem::batch_not_found(id));
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
