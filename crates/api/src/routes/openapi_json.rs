//! `GET /openapi.json`: this API, described.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::context::Context;

/// Describe this API (OpenAPI 3.1)
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "The description", body = Object,
        content_type = "application/json")),
)]
pub(crate) async fn openapi_json(State(cx): State<Context>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], cx.document().to_owned()).into_response()
}
