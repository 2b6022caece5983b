//! `/operations/{id}/items`: the items of an operation, one with its whole story, and its repair.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use contract::{Item, ItemPage, ItemResult};
use domain::OperationId;

use super::{
    acts::{Repair, note, repair},
    items::{ItemParams, page},
};
use crate::{
    context::Context,
    http::{
        auth::{CanAdminister, CanView},
        body::Document,
        documented::{BadParameter, BadSubmission, Common, NotFound},
        extract::{Id, Params},
        problem::{Problem, ProblemBody},
    },
    views::{Under, item},
};

/// List the items of an operation
///
/// With `Accept: application/x-ndjson` or `text/csv` one item a line, all of them.
#[utoipa::path(
    get,
    path = "/operations/{id}/items",
    tag = "operations",
    params(("id" = OperationId, Path, description = "The operation"), ItemParams),
    responses(
        (status = 200, description = "By index", content(
            (ItemPage = "application/json"),
            (ItemResult = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn list_items(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
    Params(params): Params<ItemParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page(&cx, Under::Operations, id, params, &headers, |items, next_cursor| {
        Json(ItemPage { items, next_cursor })
    })
    .await
}

/// Show an item
///
/// With its steps, its result, every try that failed, and what it waits for.
#[utoipa::path(
    get,
    path = "/operations/{id}/items/{index}",
    tag = "operations",
    params(
        ("id" = OperationId, Path, description = "The operation"),
        ("index" = u32, Path, description = "The item's place in the operation, from 0"),
    ),
    responses((status = 200, description = "The item", body = Item), NotFound, Common),
)]
pub(crate) async fn get_item(
    _: CanView,
    State(cx): State<Context>,
    Id((id, index)): Id<(OperationId, u32)>,
) -> Result<Json<Item>, Problem> {
    item::read(&cx, id, index).await.map(Json)
}

/// Have an item go on
///
/// For an item in `stuck` whose cause has been seen to: a worker goes on with it where it is, with fresh
/// tries. An operation that is over is open again until that has ended.
#[utoipa::path(
    post,
    path = "/operations/{id}/items/{index}/retry",
    tag = "operations",
    params(
        ("id" = OperationId, Path, description = "The operation"),
        ("index" = u32, Path, description = "The item's place in the operation, from 0"),
    ),
    responses(
        (status = 202, description = "The item, `retrying`", body = ItemResult),
        (status = 409, description = "It is not stuck (`item_not_stuck`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn retry_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id(id): Id<(OperationId, u32)>,
) -> Result<(StatusCode, Json<ItemResult>), Problem> {
    let item = repair(&cx, &caller, Under::Operations, id, Repair::GoOn).await?;
    Ok((StatusCode::ACCEPTED, Json(item)))
}

/// Undo an item again
///
/// For an item in `undo_failed` whose cause has been seen to: a worker takes its remains back, with
/// fresh tries. An operation that is over is open again until that has ended.
#[utoipa::path(
    post,
    path = "/operations/{id}/items/{index}/undo",
    tag = "operations",
    params(
        ("id" = OperationId, Path, description = "The operation"),
        ("index" = u32, Path, description = "The item's place in the operation, from 0"),
    ),
    responses(
        (status = 202, description = "The item, `unwinding`", body = ItemResult),
        (status = 409, description = "Its undo did not fail (`item_not_undo_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn undo_operation_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id(id): Id<(OperationId, u32)>,
) -> Result<(StatusCode, Json<ItemResult>), Problem> {
    let item = repair(&cx, &caller, Under::Operations, id, Repair::Undo).await?;
    Ok((StatusCode::ACCEPTED, Json(item)))
}

/// Say that an item was seen to by hand
///
/// The item ends as `failed`. If it was in `undo_failed`, remove its schema and role by hand first: its
/// names become free and its keys are revoked. If it was in `stuck`, its tenant stays as it is. The note
/// goes into the audit log.
#[utoipa::path(
    post,
    path = "/operations/{id}/items/{index}/resolve",
    tag = "operations",
    params(
        ("id" = OperationId, Path, description = "The operation"),
        ("index" = u32, Path, description = "The item's place in the operation, from 0"),
    ),
    request_body = contract::Resolution,
    responses(
        (status = 200, description = "The item, `failed`", body = ItemResult),
        (status = 409, description = "It does not wait for an operator (`item_not_undo_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resolve_operation_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id(id): Id<(OperationId, u32)>,
    document: Document,
) -> Result<Json<ItemResult>, Problem> {
    let note = note(document.json()?)?;
    repair(&cx, &caller, Under::Operations, id, Repair::Resolve { note }).await.map(Json)
}
