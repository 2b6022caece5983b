//! Every error the API answers: RFC 9457 `application/problem+json` with a stable code.
//!
//! Handlers return `Result<_, Problem>`. What the caller reads says what happened and what to do,
//! never SQL, a host or a secret; the cause stays in the log, written once, where the problem
//! becomes a response.

use std::{borrow::Cow, error::Error, iter::successors};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::Suspension;
pub(crate) use contract::{FieldProblem, Problem as ProblemBody};
use domain::OperationId;
use tracing::{error, warn};

pub const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that is not what the caller asked for.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    errors: Vec<FieldProblem>,
    batch: Option<OperationId>,
    suspension: Option<Suspension>,
    retry_after_secs: Option<u64>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// Marks an answer to a request that got no connection of the pool in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoConnection;

impl Problem {
    /// A problem with this status, stable `code` and a `detail` for people.
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            batch: None,
            suspension: None,
            retry_after_secs: None,
            cause: None,
        }))
    }

    pub(crate) fn with_errors(mut self, errors: Vec<FieldProblem>) -> Self {
        self.0.errors = errors;
        self
    }

    pub(crate) fn with_batch(mut self, batch: OperationId) -> Self {
        self.0.batch = Some(batch);
        self
    }

    pub(crate) fn with_suspension(mut self, suspension: Option<Suspension>) -> Self {
        self.0.suspension = suspension;
        self
    }

    /// The same in the words of an operation, where it is in those of a batch.
    pub(crate) fn of_operation(mut self) -> Self {
        if let Some(what) = self.0.code.strip_prefix("batch_") {
            self.0.code = format!("operation_{what}").into();
        }
        self
    }

    /// Says when to try again, in seconds.
    pub(crate) fn with_retry_after(mut self, secs: u64) -> Self {
        self.0.retry_after_secs = Some(secs);
        self
    }

    /// Adds the cause, for the log.
    pub(crate) fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The error that was answered, as a cause of type `E` anywhere in the chain.
    pub(crate) fn cause<E: Error + 'static>(&self) -> Option<&E> {
        let cause = self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        successors(cause, |error| (*error).source()).find_map(|error| error.downcast_ref())
    }

    fn log(&self) {
        let Some(cause) = &self.0.cause else { return };
        let (code, cause) = (self.code(), telemetry::chain(&**cause));
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            warn!(code, cause, "answered `{code}`: {cause}");
        } else {
            error!(code, cause, "answered `{code}`: {cause}");
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let inner = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:tenantry:problem:{}", inner.code),
            title: inner.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: inner.status.as_u16(),
            code: inner.code.clone(),
            detail: inner.detail.clone(),
            errors: inner.errors.clone(),
            batch_id: inner.batch,
            suspension: inner.suspension.clone(),
        };
        let json = serde_json::to_vec(&body).expect("a struct of texts and numbers is JSON");
        let mut response = (inner.status, json).into_response();
        if matches!(self.cause(), Some(sqlx::Error::PoolTimedOut)) {
            response.extensions_mut().insert(NoConnection);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(secs) = inner.retry_after_secs {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if inner.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    async fn body(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
        let (parts, body) = problem.into_response().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn is_problem_json_with_type_status_and_code() {
        let problem = Problem::new(StatusCode::CONFLICT, "batch_finished", "it is over");

        let (status, headers, body) = body(problem).await;

        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(headers[header::CONTENT_TYPE], PROBLEM_JSON);
        let expected = json!({
            "type": "urn:tenantry:problem:batch_finished", "title": "Conflict", "status": 409,
            "code": "batch_finished", "detail": "it is over",
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn keeps_the_cause_to_itself() {
        let cause = std::io::Error::other("password=hunter2 at db.internal");
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "it broke")
            .with_cause(cause);

        let (_, _, body) = body(problem).await;

        assert!(!body.to_string().contains("hunter2"));
    }

    #[tokio::test]
    async fn says_how_to_authenticate_and_when_to_come_back() {
        let anonymous = Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "no token");
        let busy = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "slow down")
            .with_retry_after(3);

        assert_eq!(body(anonymous).await.1[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(body(busy).await.1[header::RETRY_AFTER], "3");
    }

    #[test]
    fn finds_a_cause_below_another() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not push")]
        struct Outer(#[source] std::io::Error);
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "")
            .with_cause(Outer(std::io::Error::other("inner")));

        assert!(problem.cause::<std::io::Error>().is_some());
        assert!(problem.cause::<std::fmt::Error>().is_none());
    }
}
