//! `GET /tenants/{id}/history`: what happened to one tenant, newest first.

use axum::{Json, extract::State};
use contract::HistoryPage;
use domain::TenantId;
use serde::Deserialize;
use store::{history, tenants};

use crate::{
    context::Context,
    http::{
        auth::CanView,
        cursor::List,
        openapi::{BadParameter, Common, NotFound},
        parameters::{Id, Params, limit},
        problem::Problem,
    },
    views::history::entry,
};

const MOST: u32 = 1000;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryParams {
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Show the history of a tenant
///
/// Its operations, their failed tries, its API keys without their secrets, and its rows of the audit log, in one
/// order. Operations and tries are there as long as the installation keeps ended operations.
#[utoipa::path(
    get,
    path = "/tenants/{id}/history",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant"), HistoryParams),
    responses(
        (status = 200, description = "Newest first", body = HistoryPage),
        BadParameter,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn get_tenant_history(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<HistoryPage>, Problem> {
    let after = params.cursor.as_deref().map(|c| List::History.after(c)).transpose()?;
    let limit = limit(params.limit, 100, MOST)?;
    let mut conn = cx.pool().acquire().await?;
    if tenants::find(&mut conn, id).await?.is_none() {
        return Err(Problem::tenant_not_found(id));
    }
    let found = history::list(&mut conn, id, after, i64::from(limit) + 1).await?;
    let (found, next_cursor) = List::History.page(found, limit, |(position, _)| *position);
    Ok(Json(HistoryPage { entries: found.into_iter().map(entry).collect(), next_cursor }))
}
