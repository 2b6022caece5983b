//! All routes, and what every request passes through on its way to one.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    context::Context,
    http::{
        admission::admit,
        auth::authenticate,
        observe::observe,
        openapi, parameters,
        prefer::{self, wait_secs},
        problem::{NoConnection, Problem},
    },
    routes,
};

/// The API as a service, all of it: `/api/v1`, the same under `/api`, and the calls of those who
/// run it.
pub fn router(context: Context) -> Router {
    let body_limit = DefaultBodyLimit::max(context.settings.api.max_body_bytes);
    let body_timeout = Duration::from_millis(context.settings.api.body_timeout_ms);
    let (v1, _) = described(&context).split_for_parts();
    let (compatible, _) = OpenApiRouter::<Context>::new()
        .nest("/api", with_token(&context, routes::api()))
        .split_for_parts();
    v1.merge(compatible)
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(context.clone(), tell_away_from_busy))
        .layer(body_limit)
        .layer(RequestBodyTimeoutLayer::new(body_timeout))
        .layer(middleware::from_fn_with_state(context.clone(), within_time))
        .layer(middleware::from_fn(prefer::mark))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(of_one_host))
        .layer(middleware::map_response(no_store))
        .layer(middleware::from_fn(observe))
        .with_state(context)
}

/// What [`router`] answers, described.
pub(crate) fn description() -> OpenApi {
    let (_, api) = OpenApiRouter::<Context>::with_openapi(openapi::base())
        .nest("/api/v1", routes::api())
        .merge(routes::operations())
        .split_for_parts();
    api
}

fn described(context: &Context) -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .nest("/api/v1", with_token(context, routes::api()))
        .merge(routes::operations())
}

fn with_token(context: &Context, routes: OpenApiRouter<Context>) -> OpenApiRouter<Context> {
    routes
        .route_layer(middleware::from_fn_with_state(context.clone(), parameters::check))
        .route_layer(middleware::from_fn_with_state(context.clone(), authenticate))
        // Outside of it: a call that is turned away costs no look-up.
        .route_layer(middleware::from_fn_with_state(context.clone(), admit))
}

/// Answers tell of this moment, and some hold a secret: no cache may store one. No browser may guess
/// another type than `Content-Type` says.
async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// RFC 9112, section 3.2: a proxy may have gone by the one name, and links by the other.
async fn of_one_host(request: Request, next: Next) -> Result<Response, Problem> {
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        let detail = "the request has more than one Host";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail));
    }
    Ok(next.run(request).await)
}

/// No connection came free in time: all are in use, or none can be opened. The pool cannot tell.
async fn tell_away_from_busy(State(cx): State<Context>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<NoConnection>().is_some() && !cx.database_is_there().await {
        return Problem::database_unavailable(sqlx::Error::PoolTimedOut).into_response();
    }
    response
}

/// Ends a request that takes too long; what it waits on purpose is not counted.
async fn within_time(
    State(cx): State<Context>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let api = &cx.settings.api;
    let wait_secs = wait_secs(request.headers(), request.extensions(), api.max_wait_secs);
    let wait_secs = wait_secs.unwrap_or_default();
    let at_most = Duration::from_millis(api.request_timeout_ms) + Duration::from_secs(wait_secs);
    tokio::time::timeout(at_most, next.run(request)).await.map_err(|_| {
        let detail = "the request took too long and was given up; send it again, a submission with \
                      the same Idempotency-Key";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "request_timed_out", detail)
            .with_retry_after(1)
    })
}

/// The message of a panic may hold anything: it goes to the log, not to the caller.
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Problem::internal(format!("a handler panicked: {message}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_keeps_the_message_to_itself() {
        let response = panicked(Box::new("index 7 of [secret]".to_owned()));

        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("\"internal\"") && !body.contains("secret"), "{body}");
    }
}
