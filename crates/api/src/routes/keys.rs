//! `/operations/{id}/api-keys`: reads the API keys that an operation issued, and has them erased. `/batches` has
//! the same calls.

use axum::{Extension, Json, extract::State, response::Response};
use contract::{Acknowledged, OperationAcknowledged, RevealedKeys};
use domain::OperationId;
use store::{api_keys, audit};

use crate::{
    context::Context,
    http::{
        auth::CanOperate,
        openapi::{BadParameter, BadSubmission, Common, NotFound, OnceHeader},
        parameters::{Id, Params},
        problem::Problem,
    },
    reveal::{Of, Page, reveal},
    submission::idempotency::Act,
    views::Under,
};

/// Reveal the API keys of an operation
///
/// Every key that is neither acknowledged nor older than 24 hours, in pages if `limit` is given. Each reveal is audited. Keys
/// that were sealed with a master key that this API does not have are named in `unreadable`.
#[utoipa::path(
    post,
    path = "/operations/{id}/api-keys/reveal",
    tag = "keys",
    params(("id" = OperationId, Path, description = "The operation"), Page),
    responses(
        (status = 200, description = "The keys, in the order they were issued", body = RevealedKeys),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn reveal_operation_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    Params(page): Params<Page>,
) -> Result<Json<RevealedKeys>, Problem> {
    under.check(&cx, id).await?;
    let mut tx = cx.pool().begin().await?;
    let keys = reveal(&mut tx, &cx, &caller, Of::Operation(id), &page).await?;
    tx.commit().await?;
    Ok(Json(keys))
}

/// Acknowledge the API keys of an operation
///
/// Erases the sealed secrets for good; the keys stay valid. Doing it again erases those of keys that were issued
/// since, unless it is the same call: one `Idempotency-Key` erases once.
#[utoipa::path(
    delete,
    path = "/operations/{id}/api-keys",
    tag = "keys",
    params(("id" = OperationId, Path, description = "The operation"), OnceHeader),
    responses(
        (status = 200, description = "Erased", body = OperationAcknowledged),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn acknowledge_operation_keys(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id(id): Id<OperationId>,
    once: Act,
) -> Result<Response, Problem> {
    under.check(&cx, id).await?;
    let mut tx = cx.pool().begin().await?;
    let tenants = match once.is_done(&mut tx, caller.id).await? {
        true => Vec::new(),
        false => api_keys::acknowledge(&mut tx, id).await?,
    };
    if !tenants.is_empty() {
        let entry = caller.did("keys.acknowledged");
        let entry = audit::Entry { operation: Some(id), ..entry };
        audit::append_for_tenants(&mut tx, entry, &tenants).await?;
    }
    tx.commit().await?;
    let acknowledged = OperationAcknowledged { operation_id: id, acknowledged: tenants.len() };
    Ok(under.spelt::<Acknowledged>(acknowledged))
}
