//! `GET /audit`: the audit log, newest first.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use contract::{AuditEntry, AuditPage};
use domain::{OperationId, TenantId};
use serde::Deserialize;
use store::{
    Place,
    audit::{self, Filter, Recorded},
};

use crate::{
    context::Context,
    http::{
        auth::CanView,
        cursor::List,
        openapi::{BadParameter, Common},
        parameters::{Params, limit, text, time},
        problem::Problem,
    },
    views::{
        history::audit_entry,
        lines::{self, Form},
    },
};

/// Most entries of one page, and of one read when all are streamed.
const MOST: u32 = 1000;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only what was done to this tenant.
    tenant_id: Option<TenantId>,
    /// Only what was done to this operation, or in it.
    operation_id: Option<OperationId>,
    /// Only what this actor did.
    #[param(example = "operator:ci", pattern = "^[^\\x00]*$")]
    actor: Option<String>,
    /// Only this action.
    #[param(example = "operation.submitted", pattern = "^[^\\x00]*$")]
    action: Option<String>,
    /// Only what was done on behalf of this one, as the caller's `Tenantry-Actor` said.
    #[param(example = "ada@example.com", pattern = "^[^\\x00]*$")]
    on_behalf_of: Option<String>,
    /// Only from this time on.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only before this time.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 1000. Without it 100; all of them in NDJSON and CSV.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// List the audit log
///
/// Every change and every reveal of a key, newest first. An entry fits all filters that are given. With
/// `Accept: application/x-ndjson` or `text/csv` one entry a line, all of them.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    params(AuditParams),
    responses(
        (status = 200, description = "Newest first", content(
            (AuditPage = "application/json"),
            (AuditEntry = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_audit(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<AuditParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = params.cursor.as_deref().map(|c| List::Audit.after(c)).transpose()?;
    if params.tenant_id.is_some_and(|id| id.get() < 1) {
        return Err(Problem::invalid_parameter("tenant_id", "must be 1 or more"));
    }
    let filter = Filter {
        tenant: params.tenant_id,
        operation: params.operation_id,
        actor: text("actor", params.actor)?,
        action: text("action", params.action)?,
        on_behalf_of: text("on_behalf_of", params.on_behalf_of)?,
        since: time("since", params.since.as_deref())?,
        until: time("until", params.until.as_deref())?,
    };
    if let Some(form) = Form::of(&headers) {
        let at_most = params.limit.map(|asked| limit(Some(asked), MOST, MOST)).transpose()?;
        return Ok(lines(cx, form, (filter, after), at_most));
    }
    let limit = limit(params.limit, 100, MOST)?;
    let (found, next_cursor) = read(&cx, &filter, after, limit).await?;
    let entries = found.into_iter().map(audit_entry).collect();
    Ok(Json(AuditPage { entries, next_cursor }).into_response())
}

/// At most `limit` rows, and where the next page starts.
async fn read(
    cx: &Context,
    filter: &Filter,
    after: Option<Place>,
    limit: u32,
) -> Result<(Vec<Recorded>, Option<String>), sqlx::Error> {
    let mut conn = cx.pool().acquire().await?;
    let found = audit::list(&mut conn, filter, after, i64::from(limit) + 1).await?;
    Ok(List::Audit.page(found, limit, |row| row.place))
}

/// One entry a line: all that are left, or one page of `at_most`.
fn lines(cx: Context, form: Form, from: (Filter, Option<Place>), at_most: Option<u32>) -> Response {
    lines::answer(form, from, move |(filter, after)| {
        let cx = cx.clone();
        async move {
            let (found, more) = read(&cx, &filter, after, at_most.unwrap_or(MOST)).await?;
            let last = found.last().map(|row| row.place);
            let next = (more.is_some() && at_most.is_none()).then_some((filter, last));
            Ok((found.into_iter().map(audit_entry).collect(), next))
        }
    })
}
