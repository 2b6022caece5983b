//! `GET /tenants`, `/tenants/{id}` and `/tenants/{id}/status`: the registry, page by page and one by one.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use contract::{Deletion, Hold, SchemaStatus, Suspension, Tenant, TenantPage, TenantStatus};
use domain::{Domain, ExternalId, SchemaName, TenantId, TenantState};
use serde::Deserialize;
use store::tenants::{self, Filter, Page};

use crate::{
    context::Context,
    http::{
        auth::CanView,
        cursor::List,
        etag::etag,
        openapi::{BadParameter, Common, NotFound},
        parameters::{Id, Params, limit, word},
        problem::Problem,
    },
};

const MOST: u32 = 200;

/// Deepest tenant a page number reaches, and most that are counted: both cost a row each.
const DEEPEST: i64 = 10_000;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantParams {
    /// Which page, from 1. Reaches 10,000 tenants deep; go on with `cursor`.
    #[param(minimum = 1, maximum = 10_000)]
    page: Option<u32>,
    /// At most this many, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Start after this `next_cursor` of this list, and of no other text, however deep; instead of `page`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// Only tenants in this state; without it all but the deleted and the released ones.
    #[param(value_type = Option<TenantState>)]
    status: Option<String>,
    /// Only tenants whose name or domain starts with this, in any letter case: at most 255
    /// bytes, without U+0000.
    #[param(max_length = 255, pattern = "^[^\\x00]*$")]
    q: Option<String>,
    /// Only the tenant that holds this external id: neither deleted nor released. A text that could
    /// be no tenant's, here and below, is refused.
    #[param(min_length = 1, max_length = 255, pattern = "^[^\\x00]*$")]
    external_id: Option<String>,
    /// Only the tenant that holds this domain, in any writing of it: a host name of two labels or more.
    #[param(min_length = 1, max_length = 254)]
    domain: Option<String>,
    /// Only the tenant that holds this schema name; no reserved one.
    #[param(min_length = 1, max_length = 63, pattern = "^[A-Za-z_][A-Za-z0-9_]*$")]
    schema_name: Option<String>,
}

/// List tenants
#[utoipa::path(
    get,
    path = "/tenants",
    tag = "tenants",
    params(TenantParams),
    responses(
        (status = 200, description = "By id", body = TenantPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_tenants(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<TenantParams>,
) -> Result<Json<TenantPage>, Problem> {
    let limit = limit(params.limit, 50, MOST)?;
    let (page, wanted) = position(&params, limit)?;
    let filter = filter(params)?;
    let mut conn = cx.pool().acquire().await?;
    let found = tenants::list(&mut conn, &filter, wanted).await?;
    let total = tenants::count(&mut conn, &filter, DEEPEST + 1).await?;
    let (found, next_cursor) = List::Tenants.page(found, limit, |tenant| tenant.id);
    Ok(Json(TenantPage {
        tenants: found.into_iter().map(view).collect(),
        page,
        limit,
        total,
        total_is_exact: total <= DEEPEST,
        next_cursor,
    }))
}

/// The page number, if the caller goes by numbers, and the rows to read: one more than asked for,
/// which says whether there is a next page.
fn position(params: &TenantParams, limit: u32) -> Result<(Option<u32>, Page), Problem> {
    let one_more = i64::from(limit) + 1;
    if let Some(cursor) = &params.cursor {
        if params.page.is_some() {
            return Err(Problem::invalid_parameter("page", "cannot be given with `cursor`"));
        }
        let after: TenantId = List::Tenants.after(cursor)?;
        return Ok((None, Page { after: Some(after), offset: 0, limit: one_more }));
    }
    let page = params.page.unwrap_or(1);
    if page == 0 {
        return Err(Problem::invalid_parameter("page", "must be 1 or more"));
    }
    let offset = i64::from(page - 1) * i64::from(limit);
    if offset + i64::from(limit) > DEEPEST {
        let detail = format!("pages reach {DEEPEST} tenants deep; go on with `cursor`");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "use_cursor", detail));
    }
    Ok((Some(page), Page { after: None, offset, limit: one_more }))
}

fn filter(params: TenantParams) -> Result<Filter, Problem> {
    let state = word("status", params.status.as_deref(), TenantState::ALL)?;
    let prefix = params.q.filter(|q| !q.is_empty());
    if prefix.as_ref().is_some_and(|q| q.len() > 255 || q.contains('\0')) {
        return Err(Problem::invalid_parameter("q", "must be at most 255 bytes without U+0000"));
    }
    let domain =
        name("domain", params.domain, |text| Ok(Domain::parse(text)?.as_str().to_owned()))?;
    let schema = name("schema_name", params.schema_name, |text| {
        Ok(SchemaName::parse(text)?.as_str().to_owned())
    })?;
    let external_id = name("external_id", params.external_id, |text| {
        Ok(ExternalId::parse(text)?.as_str().to_owned())
    })?;
    Ok(Filter { state, prefix, external_id, domain, schema })
}

/// A name as the registry has it.
fn name(
    parameter: &str,
    text: Option<String>,
    parse: impl Fn(&str) -> Result<String, Box<dyn std::error::Error>>,
) -> Result<Option<String>, Problem> {
    let parsed = text.map(|text| parse(&text)).transpose();
    parsed.map_err(|error| Problem::invalid_parameter(parameter, error.to_string()))
}

/// Show a tenant
#[utoipa::path(
    get,
    path = "/tenants/{id}",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "The tenant", body = Tenant, headers(
            ("ETag" = String, description = "Another one after each change of the tenant: send it as `If-Match`"),
        )),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn get_tenant(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
) -> Result<([(HeaderName, String); 1], Json<Tenant>), Problem> {
    let mut conn = cx.pool().acquire().await?;
    let found = tenants::find(&mut conn, id).await?.ok_or_else(|| Problem::tenant_not_found(id))?;
    let status = tenants::status(&mut conn, id).await?;
    let etag = etag(&found.version);
    let tenant = Tenant {
        schema_status: status.as_ref().map(|it| schema_status(it).into()),
        checked_at: status.and_then(|it| it.checked_at),
        ..view(found)
    };
    Ok(([(header::ETAG, etag)], Json(tenant)))
}

/// A tenant as callers see it.
pub(super) fn view(t: tenants::Tenant) -> Tenant {
    Tenant {
        tenant_id: t.id,
        tenant_name: t.name,
        status: t.state.into(),
        domain: t.domain,
        schema_name: t.schema,
        role_name: t.role,
        external_id: t.external_id,
        description: t.description,
        settings: t.settings,
        labels: Some(t.labels),
        migration_version: t.migration_version,
        created_at: t.created_at,
        activated_at: t.activated_at,
        suspension: t.suspension.map(|it| Suspension {
            since: it.since,
            reason: it.reason,
            until: it.until,
        }),
        deletion: t.deletion.map(|it| Deletion {
            since: it.since,
            reason: it.reason,
            purge_at: it.purge_at,
        }),
        hold: t.hold.map(|it| Hold { since: it.since, reason: it.reason }),
        deletion_protected: t.is_protected,
        schema_status: None,
        checked_at: None,
        updated_at: t.updated_at,
        version: Some(t.version),
    }
}

/// Show how a tenant is
#[utoipa::path(
    get,
    path = "/tenants/{id}/status",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses((status = 200, description = "Its status", body = TenantStatus), NotFound, Common),
)]
pub(crate) async fn get_tenant_status(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
) -> Result<Json<TenantStatus>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let status = tenants::status(&mut conn, id).await?;
    let status = status.ok_or_else(|| Problem::tenant_not_found(id))?;
    let schema_status = schema_status(&status).into();
    Ok(Json(TenantStatus {
        tenant_id: id,
        tenant_name: status.name,
        status: status.state.into(),
        schema_status,
        migration_version: status.migration_version,
        created_at: status.created_at,
        checked_at: status.checked_at,
        last_activity: status.last_activity,
    }))
}

fn schema_status(status: &tenants::TenantStatus) -> SchemaStatus {
    match status.state {
        TenantState::Pending => SchemaStatus::Pending,
        TenantState::Deleted | TenantState::Released if !status.is_there => SchemaStatus::Absent,
        _ if status.is_there && status.has_drifted => SchemaStatus::Drifted,
        _ if status.is_there && status.is_behind => SchemaStatus::Behind,
        _ if status.is_there => SchemaStatus::Provisioned,
        _ => SchemaStatus::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(page: Option<u32>, cursor: Option<&str>) -> TenantParams {
        TenantParams { page, cursor: cursor.map(str::to_owned), ..TenantParams::default() }
    }

    #[test]
    fn turns_pages_into_rows_up_to_a_depth() {
        let (page, rows) = position(&params(Some(3), None), 50).unwrap();
        let deepest = position(&params(Some(200), None), 50);
        let too_deep = position(&params(Some(201), None), 50).unwrap_err();

        assert_eq!((page, rows.offset, rows.limit), (Some(3), 100, 51));
        assert!(deepest.is_ok());
        assert_eq!(too_deep.code(), "use_cursor");
        assert_eq!(position(&params(Some(u32::MAX), None), 200).unwrap_err().code(), "use_cursor");
    }

    #[test]
    fn goes_by_a_cursor_or_by_a_page_and_not_by_both() {
        let cursor = List::Tenants.cursor(7);

        let (page, rows) = position(&params(None, Some(&cursor)), 50).unwrap();
        let both = position(&params(Some(1), Some(&cursor)), 50).unwrap_err();

        assert_eq!((page, rows.after), (None, Some(TenantId::new(7))));
        assert_eq!(both.code(), "invalid_parameter");
    }
}
