//! `GET /healthz`: the process answers.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process is fine.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub(super) status: &'static str,
    /// What keeps accepted work from being done, although requests are served; left out when nothing
    /// does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warning: Option<String>,
}

/// Say that the process answers
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", warning: None })
}
