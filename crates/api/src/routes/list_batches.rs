//! `GET /batches`: the batches, newest first.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use domain::{Mode, OperationId, OperationState};
use serde::{Deserialize, Serialize};
use store::operations::{self, BatchLine};
use utoipa::ToSchema;

use crate::{
    auth::CanView,
    batch_view::Links,
    context::Context,
    cursor::List,
    documented::{BadParameter, Common},
    extract::{Params, limit},
    problem::Problem,
};

/// Most batches of one page.
const MOST: u32 = 200;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Some of the batches.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchPage {
    /// Newest first.
    batches: Vec<BatchSummary>,
    /// Where the next page starts; null on the last.
    next_cursor: Option<String>,
}

/// A batch, without its progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchSummary {
    /// The batch.
    batch_id: OperationId,
    /// Where it is on its way.
    state: OperationState,
    /// How its tenants hang together.
    mode: Mode,
    /// Whether workers leave it alone for now.
    paused: bool,
    /// When it is to start; null once it has.
    run_at: Option<DateTime<Utc>>,
    /// Tenants asked for.
    total: u64,
    /// When it was submitted.
    created_at: DateTime<Utc>,
    /// When its first tenant was begun.
    started_at: Option<DateTime<Utc>>,
    /// When its last tenant ended.
    finished_at: Option<DateTime<Utc>>,
    /// Where to go from here.
    links: Links,
}

impl BatchSummary {
    fn of(batch: BatchLine, public_path: &str) -> Self {
        Self {
            batch_id: batch.id,
            state: batch.state,
            mode: batch.mode,
            paused: batch.paused,
            run_at: batch.run_at,
            total: batch.total,
            created_at: batch.created_at,
            started_at: batch.started_at,
            finished_at: batch.finished_at,
            links: Links::of(public_path, batch.id),
        }
    }
}

/// List batches
#[utoipa::path(
    get,
    path = "/batches",
    tag = "batches",
    params(ListParams),
    responses(
        (status = 200, description = "Newest first", body = BatchPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_batches(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<ListParams>,
) -> Result<Json<BatchPage>, Problem> {
    let limit = limit(params.limit, 50, MOST)?;
    let before = params.cursor.as_deref().map(|c| List::Batches.after(c)).transpose()?;
    let mut conn = cx.pool().acquire().await?;
    // One more than asked for says whether there is a next page.
    let mut found = operations::list(&mut conn, before, i64::from(limit) + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| more).map(|batch| List::Batches.cursor(batch.id));
    let batches = found.into_iter().map(|line| BatchSummary::of(line, cx.public_path())).collect();
    Ok(Json(BatchPage { batches, next_cursor: last }))
}
