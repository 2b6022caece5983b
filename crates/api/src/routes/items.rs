//! `/operations/{id}/items`: what became of each tenant, one with its whole story, and its repair. Below
//! `/batches` the list is `/batches/{id}/results`.

use axum::{Extension, Json, extract::State, http::HeaderMap, response::Response};
use contract::{Item, ItemPage, ItemResult, ResultPage};
use domain::{ItemState, OperationId};
use engine::control::{self, Again};
use serde::Deserialize;
use store::items::{self, ItemResult as Row};

use super::acts::{note, repair, set_going};
use crate::{
    context::Context,
    http::{
        auth::{CanAdminister, CanView},
        body::Document,
        cursor::List,
        openapi::{BadParameter, BadSubmission, Common, NotFound, OnceHeader, WaitHeader},
        parameters::{Id, Params, limit, text, word},
        problem::{Problem, ProblemBody},
        wait::Held,
    },
    submission::idempotency::Act,
    views::{
        Under,
        item::{self, item},
        lines::{self, Form},
    },
};

/// Most items of one page, and of one read when all are streamed.
const MOST: u32 = 1000;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemParams {
    /// Only items in this state.
    #[param(value_type = Option<ItemState>)]
    status: Option<String>,
    /// Only items with this error code.
    #[param(example = "migration_failed")]
    code: Option<String>,
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 1000. Without it 100; all of them in NDJSON and CSV.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

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
    Extension(under): Extension<Under>,
    Id(operation): Id<OperationId>,
    Params(params): Params<ItemParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = word("status", params.status.as_deref(), ItemState::ALL)?;
    let after = params.cursor.as_deref().map(|c| List::Results.after(c)).transpose()?;
    let from = Position { operation, state, code: text("code", params.code)?, after };
    under.check(&cx, operation).await?;
    if let Some(form) = Form::of(&headers) {
        let at_most = params.limit.map(|asked| limit(Some(asked), MOST, MOST)).transpose()?;
        return Ok(lines(cx, form, from, at_most));
    }
    let limit = limit(params.limit, 100, MOST)?;
    let (found, next_cursor) = read(&cx, &from, limit).await?;
    let items = found.into_iter().map(item).collect();
    Ok(under.spelt::<ResultPage>(ItemPage { items, next_cursor }))
}

/// Where in an operation's items to go on.
#[derive(Clone)]
struct Position {
    operation: OperationId,
    state: Option<ItemState>,
    code: Option<String>,
    after: Option<u32>,
}

/// At most `limit` items, and where the next page starts.
async fn read(
    cx: &Context,
    from: &Position,
    limit: u32,
) -> Result<(Vec<Row>, Option<String>), sqlx::Error> {
    let mut conn = cx.pool().acquire().await?;
    let Position { operation, state, code, after } = from;
    let one_more = i64::from(limit) + 1;
    let found =
        items::results(&mut conn, *operation, *state, code.as_deref(), *after, one_more).await?;
    Ok(List::Results.page(found, limit, |item| item.index))
}

/// One item a line: all that are left, or one page of `at_most`.
fn lines(cx: Context, form: Form, from: Position, at_most: Option<u32>) -> Response {
    lines::answer(form, from, move |from| {
        let cx = cx.clone();
        async move {
            let (found, more) = read(&cx, &from, at_most.unwrap_or(MOST)).await?;
            let after = found.last().map(|item| item.index);
            let next = (more.is_some() && at_most.is_none()).then_some(Position { after, ..from });
            Ok((found.into_iter().map(item).collect(), next))
        }
    })
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
        OnceHeader,
        WaitHeader,
    ),
    responses(
        (status = 202, description = "The item, `retrying`", body = ItemResult),
        (status = 200, description = "The item; its operation is over within the wait", body = ItemResult),
        BadSubmission,
        (status = 409, description = "It is not stuck (`item_not_stuck`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn retry_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id((id, index)): Id<(OperationId, u32)>,
    once: Act,
    held: Held,
) -> Result<Response, Problem> {
    let pool = cx.pool();
    let done = control::again(&pool, caller.by_once(&once), id, index, Again::GoOn);
    set_going(&cx, under, (id, index), &held, done).await
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
        OnceHeader,
        WaitHeader,
    ),
    responses(
        (status = 202, description = "The item, `unwinding`", body = ItemResult),
        (status = 200, description = "The item; its operation is over within the wait", body = ItemResult),
        BadSubmission,
        (status = 409, description = "Its undo did not fail (`item_not_undo_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn undo_operation_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Extension(under): Extension<Under>,
    Id((id, index)): Id<(OperationId, u32)>,
    once: Act,
    held: Held,
) -> Result<Response, Problem> {
    let pool = cx.pool();
    let done = control::again(&pool, caller.by_once(&once), id, index, Again::Undo);
    set_going(&cx, under, (id, index), &held, done).await
}

/// Say that an item was seen to by hand
///
/// The item ends as `failed`. If it was in `undo_failed`, remove its schema and role by hand first: its
/// names become free and its keys are revoked. If it was in `stuck`, its tenant stays as it is. The note
/// goes into the audit log, and is erased there with the tenant.
#[utoipa::path(
    post,
    path = "/operations/{id}/items/{index}/resolve",
    tag = "operations",
    params(
        ("id" = OperationId, Path, description = "The operation"),
        ("index" = u32, Path, description = "The item's place in the operation, from 0"),
        OnceHeader,
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
    Extension(under): Extension<Under>,
    Id((id, index)): Id<(OperationId, u32)>,
    once: Act,
    document: Document,
) -> Result<Json<ItemResult>, Problem> {
    let note = note(document.json()?)?;
    let (pool, once) = (cx.pool(), once.with(&document)?);
    let done = control::resolve(&pool, caller.by_once(&once), id, index, &note);
    repair(&cx, under, (id, index), done).await
}
