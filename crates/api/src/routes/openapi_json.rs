//! `GET /openapi.json`: this API, described.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::openapi;

/// Describe this API (OpenAPI 3.1)
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "The description", body = Object,
        content_type = "application/json")),
)]
pub(crate) async fn openapi_json() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::document()).into_response()
}
