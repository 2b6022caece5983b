//! `GET /tenants/{id}/status`: how a tenant is.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use domain::{TenantId, TenantState};
use serde::Serialize;
use store::tenants;
use utoipa::ToSchema;

use crate::{
    auth::CanView,
    context::Context,
    documented::{Common, NotFound},
    extract::Id,
    problem::Problem,
};

/// How a tenant is.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantStatusView {
    /// The tenant.
    tenant_id: TenantId,
    /// What people call it.
    tenant_name: String,
    /// Where it is in its life.
    status: TenantState,
    /// What is there of its schema and role.
    schema_status: SchemaStatus,
    /// The newest tenant migration it has.
    #[schema(example = "20250102_000001")]
    migration_version: Option<String>,
    /// When its names were reserved.
    created_at: DateTime<Utc>,
    /// Last use of one of its keys, or last change that a caller asked for; null if there was none.
    last_activity: Option<DateTime<Utc>>,
}

/// How a tenant's schema and role stand, looked up in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SchemaStatus {
    /// They are yet to be made.
    Pending,
    /// Both exist, and the schema has every tenant migration of the set that workers learnt last.
    Provisioned,
    /// Both exist, and the schema lacks a tenant migration.
    Behind,
    /// The tenant should have them, and one is missing.
    Failed,
    /// The tenant has ended, and they are gone.
    Absent,
}

impl SchemaStatus {
    fn of(state: TenantState, is_there: bool, is_behind: bool) -> Self {
        match state {
            TenantState::Pending => Self::Pending,
            TenantState::Deleted | TenantState::Released if !is_there => Self::Absent,
            _ if is_there && is_behind => Self::Behind,
            _ if is_there => Self::Provisioned,
            _ => Self::Failed,
        }
    }
}

/// Show how a tenant is
#[utoipa::path(
    get,
    path = "/tenants/{id}/status",
    tag = "tenants",
    params(("id" = TenantId, Path, description = "The tenant")),
    responses((status = 200, description = "Its status", body = TenantStatusView), NotFound, Common),
)]
pub(crate) async fn get_tenant_status(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<TenantId>,
) -> Result<Json<TenantStatusView>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let status = tenants::status(&mut conn, id).await?;
    let status = status.ok_or_else(|| Problem::tenant_not_found(id))?;
    Ok(Json(TenantStatusView {
        tenant_id: id,
        tenant_name: status.name,
        status: status.state,
        schema_status: SchemaStatus::of(status.state, status.is_there, status.is_behind),
        migration_version: status.migration_version,
        created_at: status.created_at,
        last_activity: status.last_activity,
    }))
}
