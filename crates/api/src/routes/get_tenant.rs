//! `GET /tenants/{id}`: one tenant.

use axum::{Json, extract::State};
use domain::TenantId;
use store::tenants;

use crate::{
    auth::CanView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::Problem,
    tenant_view::TenantView,
};

/// Show a tenant
#[utoipa::path(
    get,
    path = "/tenants/{id}",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses((status = 200, description = "The tenant", body = TenantView), NotFound, Common),
)]
pub(crate) async fn get_tenant(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
) -> Result<Json<TenantView>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let tenant = tenants::find(&mut conn, id).await?;
    Ok(Json(tenant.ok_or_else(|| Problem::tenant_not_found(id))?.into()))
}
