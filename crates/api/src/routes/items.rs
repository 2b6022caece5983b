//! `/batches/{id}/results` and `/items/{index}`: what became of each tenant, and its repair.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::ResultPage;
use domain::{ItemState, OperationId};
use engine::control;
use futures::stream;
use serde::Deserialize;
use serde_json::Value;
use store::{
    items::{self, ItemResult},
    operations,
};

use crate::{
    context::Context,
    http::{
        auth::{CanAdminister, CanView},
        body::Document,
        cursor::List,
        documented::{BadParameter, BadSubmission, Common, NotFound},
        extract::{Id, Params, accepts_ndjson, limit, word},
        problem::{Problem, ProblemBody},
    },
    views::item::item,
};

/// Most items of one page, and of one read when all are streamed.
const MOST: u32 = 1000;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultParams {
    /// Only items in this state.
    #[param(value_type = Option<ItemState>)]
    status: Option<String>,
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 1000. Without it 100; all of them in NDJSON.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Show what became of a batch's tenants
///
/// With `Accept: application/x-ndjson` one item a line.
#[utoipa::path(
    get,
    path = "/batches/{id}/results",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch"), ResultParams),
    responses(
        (status = 200, description = "By index", content(
            (ResultPage = "application/json"),
            (contract::ItemResult = "application/x-ndjson"),
        )),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn get_results(
    _: CanView,
    State(cx): State<Context>,
    Id(batch): Id<OperationId>,
    Params(params): Params<ResultParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = word("status", params.status.as_deref(), ItemState::ALL)?;
    let after = params.cursor.as_deref().map(|c| List::Results.after(c)).transpose()?;
    let from = Position { batch, state, after };
    let mut conn = cx.pool().acquire().await?;
    if operations::is_finished(&mut conn, batch).await?.is_none() {
        return Err(Problem::batch_not_found(batch));
    }
    drop(conn);
    if accepts_ndjson(&headers) {
        let at_most = params.limit.map(|asked| limit(Some(asked), MOST, MOST)).transpose()?;
        return Ok(lines(cx, from, at_most));
    }
    let limit = limit(params.limit, 100, MOST)?;
    let (results, next_cursor) = read(&cx, from, limit).await?;
    let results = results.into_iter().map(item).collect();
    Ok(Json(ResultPage { results, next_cursor }).into_response())
}

/// Where in a batch's results to go on.
#[derive(Clone, Copy)]
struct Position {
    batch: OperationId,
    state: Option<ItemState>,
    after: Option<u32>,
}

/// At most `limit` items, and where the next page starts.
async fn read(
    cx: &Context,
    from: Position,
    limit: u32,
) -> Result<(Vec<ItemResult>, Option<String>), sqlx::Error> {
    let mut conn = cx.pool().acquire().await?;
    let Position { batch, state, after } = from;
    let one_more = i64::from(limit) + 1;
    let found = items::results(&mut conn, batch, state, after, one_more).await?;
    Ok(List::Results.page(found, limit, |item| item.index))
}

/// One item a line, read page by page while the caller takes them; all that are left, or one page
/// of `at_most`. A database that fails half-way breaks the connection off: never a short list that
/// looks whole.
fn lines(cx: Context, from: Position, at_most: Option<u32>) -> Response {
    let pages = stream::try_unfold(Some(from), move |from| {
        let cx = cx.clone();
        async move {
            let Some(from) = from else { return Ok::<_, LinesError>(None) };
            let (results, more) = read(&cx, from, at_most.unwrap_or(MOST)).await?;
            let last = results.last().map(|item| item.index);
            let next =
                (more.is_some() && at_most.is_none()).then_some(Position { after: last, ..from });
            Ok(Some((page_of_lines(results)?, next)))
        }
    });
    let content_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (content_type, Body::from_stream(pages)).into_response()
}

/// Why a stream of lines broke off.
#[derive(Debug, thiserror::Error)]
enum LinesError {
    #[error("could not read the next page of results")]
    Read(#[from] sqlx::Error),
    #[error("could not write a result as JSON")]
    Write(#[from] serde_json::Error),
}

fn page_of_lines(results: Vec<ItemResult>) -> Result<Bytes, serde_json::Error> {
    let mut page = Vec::new();
    for result in results {
        serde_json::to_writer(&mut page, &item(result))?;
        page.push(b'\n');
    }
    Ok(page.into())
}

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
        (status = 202, description = "The item, `unwinding`", body = contract::ItemResult),
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
) -> Result<(StatusCode, Json<contract::ItemResult>), Problem> {
    let pool = cx.pool();
    control::undo(&pool, caller.by(), batch, index).await?;
    cx.counts().forget(batch);
    let found = control::item(&mut *pool.acquire().await?, batch, index).await?;
    Ok((StatusCode::ACCEPTED, Json(item(found))))
}

/// Most characters of a note.
const LONGEST_NOTE: usize = 1000;

/// Say that a tenant's remains are gone
///
/// For an item in `undo_failed` whose schema and role somebody has removed by hand: it ends as
/// `failed`, its names are free again, its keys are revoked. The note goes into the audit log.
#[utoipa::path(
    post,
    path = "/batches/{id}/items/{index}/resolve",
    tag = "batches",
    params(
        ("id" = OperationId, Path, description = "The batch"),
        ("index" = u32, Path, description = "The item's place in the request, from 0"),
    ),
    request_body = contract::Resolution,
    responses(
        (status = 200, description = "The item, `failed`", body = contract::ItemResult),
        (status = 409, description = "Its undo did not fail (`item_not_undo_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resolve_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id((batch, index)): Id<(OperationId, u32)>,
    document: Document,
) -> Result<Json<contract::ItemResult>, Problem> {
    let note = note(document.json()?)?;
    let pool = cx.pool();
    control::resolve(&pool, caller.by(), batch, index, &note).await?;
    cx.counts().forget(batch);
    Ok(Json(item(control::item(&mut *pool.acquire().await?, batch, index).await?)))
}

/// The note of a body that has nothing else.
fn note(body: Value) -> Result<String, Problem> {
    let Value::Object(mut fields) = body else {
        let message = "the body must be an object: {\"note\": \"...\"}";
        return Err(Problem::invalid_body("", "invalid_field", message));
    };
    let note = match fields.remove("note") {
        Some(Value::String(note)) => note.trim().to_owned(),
        Some(_) => return Err(Problem::invalid_body("/note", "invalid_field", "must be a string")),
        None => return Err(Problem::invalid_body("/note", "missing_field", "is missing")),
    };
    if let Some(unknown) = fields.keys().next() {
        let pointer = format!("/{}", domain::pointer_step(unknown));
        let message = "there is no such field; the body has: note";
        return Err(Problem::invalid_body(&pointer, "unknown_field", message));
    }
    let fits = (1..=LONGEST_NOTE).contains(&note.chars().count());
    if !fits || note.chars().any(|c| c.is_control() && c != '\n') {
        let message = format!("must be 1 to {LONGEST_NOTE} characters, none of them control ones");
        return Err(Problem::invalid_body("/note", "invalid_field", &message));
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_a_note_and_nothing_else() {
        assert_eq!(note(json!({ "note": " dropped it " })).unwrap(), "dropped it");
        for wrong in [
            json!("dropped it"),
            json!({}),
            json!({ "note": 1 }),
            json!({ "note": " " }),
            json!({ "note": "a\u{0}b" }),
            json!({ "note": "x".repeat(1001) }),
            json!({ "note": "x", "force": true }),
        ] {
            assert_eq!(note(wrong.clone()).unwrap_err().status().as_u16(), 422, "{wrong}");
        }
    }
}
