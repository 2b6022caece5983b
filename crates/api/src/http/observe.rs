//! One span, one line in the log and one count in the metrics for every request.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use metrics::{counter, histogram};
use telemetry::names::{self, label};
use tracing::{Instrument as _, debug, info, info_span, warn};

use crate::http::{
    auth::CallerName,
    request_id::{self, RequestId},
    seldom::Seldom,
};

/// The label of a path that no route has: a path itself is never a label.
const NO_ROUTE: &str = "none";

/// Gives the request its id and its span, and reports how it ended.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = method(request.method());
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", request.id = %id, http.method = method, http.route = route);
    let started = Instant::now();

    let mut response = next.run(request).instrument(span.clone()).await;

    response.headers_mut().insert(request_id::HEADER, id.to_header());
    let caller = response.extensions().get::<CallerName>().cloned();
    let seen = Seen { method, route, status: response.status(), took: started.elapsed() };
    span.in_scope(|| seen.report(caller.as_ref().map_or("nobody", CallerName::as_str)));
    response
}

struct Seen {
    method: &'static str,
    route: String,
    status: StatusCode,
    took: Duration,
}

impl Seen {
    fn report(self, caller: &str) {
        static TURNED_AWAY: Mutex<Seldom> = Mutex::new(Seldom::new());
        let Self { method, route, status, took } = self;
        let status = status.as_u16();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let line = format!("`{method} {route}` by {caller} answered {status} in {duration_ms} ms");
        if status == 429
            && let Some(calls) = TURNED_AWAY.lock().unwrap_or_else(PoisonError::into_inner).count()
        {
            warn!(calls, "{calls} calls were answered 429 (rate_limited)");
        }
        if status == 429 || matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics") {
            debug!(status, duration_ms, "`{method} {route}` answered {status}");
        } else if (500..600).contains(&status) {
            // The cause stands in a line of its own, at the level that it asks for.
            warn!(status, duration_ms, caller, "{line}");
        } else {
            info!(status, duration_ms, caller, "{line}");
        }
        histogram!(names::API_REQUEST_SECONDS, label::ROUTE => route.clone()).record(took);
        counter!(
            names::API_REQUESTS_TOTAL,
            label::ROUTE => route,
            label::METHOD => method,
            label::STATUS => status.to_string()
        )
        .increment(1);
    }
}

/// The method as a label: those a caller can invent are one.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
