//! `/healthz`, `/readyz`, `/metrics` and `/openapi.json`: for those who run the service.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use contract::Health;
use store::Fit;

use crate::{
    context::Context,
    http::problem::{Problem, ProblemBody},
    views::waiting,
};

/// Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// Say that the process answers
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), warning: None })
}

/// Say whether requests can be served
///
/// The control database answers, takes transactions that write, has every migration this program
/// knows, and the queue's schema.
/// Requests are served without a worker too; `warning` says then why work waits.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "The database does not answer (`database_unavailable`), or is \
            not migrated (`not_migrated`)", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(cx): State<Context>) -> Result<Json<Health>, Problem> {
    let asked = async {
        let mut conn = cx.pool().acquire().await?;
        store::takes_transactions(&mut conn).await?;
        store::fit(&mut conn).await
    };
    match asked.await.map_err(unready)? {
        Fit::Older => Err(Problem::not_migrated()),
        Fit::Fits | Fit::Newer { .. } => {
            let warning = waiting::for_a_worker(&cx).await?;
            Ok(Json(Health { status: "ok".to_owned(), warning: warning.map(|it| it.message) }))
        }
    }
}

/// A load balancer does not care why the pool has no connection.
fn unready(error: sqlx::Error) -> Problem {
    match error {
        sqlx::Error::PoolTimedOut => Problem::database_unavailable(error),
        other => other.into(),
    }
}

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
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], cx.metrics.render()).into_response()
}

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
