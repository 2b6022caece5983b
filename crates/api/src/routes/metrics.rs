//! `GET /metrics`: the process's metrics.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::context::Context;

/// Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// Show the metrics, as Prometheus reads them
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    security(()),
    responses((status = 200, description = "Every series", body = String,
        content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(cx): State<Context>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], cx.metrics().render()).into_response()
}
