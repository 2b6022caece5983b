//! `GET /batches/{id}/results`: what became of each tenant.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use domain::{ItemState, OperationId};
use futures::stream;
use serde::{Deserialize, Serialize};
use store::{
    items::{self, ItemResult},
    operations,
};
use utoipa::ToSchema;

use crate::{
    auth::CanView,
    context::Context,
    cursor::List,
    documented::{BadParameter, Common, NotFound},
    extract::{Id, Params, accepts_ndjson, limit, word},
    problem::Problem,
    results_view::ResultView,
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

/// Some of a batch's items.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResultPage {
    /// By index.
    results: Vec<ResultView>,
    /// Where the next page starts; null on the last.
    next_cursor: Option<String>,
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
            (ResultView = "application/x-ndjson"),
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
    let (results, more) = read(&cx, from, limit).await?;
    let last = results.last().filter(|_| more).map(|item| List::Results.cursor(item.index));
    let results = results.into_iter().map(ResultView::from).collect();
    Ok(Json(ResultPage { results, next_cursor: last }).into_response())
}

/// Where in a batch's results to go on.
#[derive(Clone, Copy)]
struct Position {
    batch: OperationId,
    state: Option<ItemState>,
    after: Option<u32>,
}

/// At most `limit` items, and whether there are more.
async fn read(
    cx: &Context,
    from: Position,
    limit: u32,
) -> Result<(Vec<ItemResult>, bool), sqlx::Error> {
    let mut conn = cx.pool().acquire().await?;
    let Position { batch, state, after } = from;
    let one_more = i64::from(limit) + 1;
    let mut found = items::results(&mut conn, batch, state, after, one_more).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    Ok((found, more))
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
            let next = (more && at_most.is_none()).then_some(Position { after: last, ..from });
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
    for item in results {
        serde_json::to_writer(&mut page, &ResultView::from(item))?;
        page.push(b'\n');
    }
    Ok(page.into())
}
