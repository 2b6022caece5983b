//! What callers of the original API are answered. They know the paths below `/api`, not `/api/v1`:
//! a create is waited for without being asked to, and answered with the fields they read.

use axum::{
    extract::Request,
    http::{Extensions, Method},
    middleware::Next,
    response::Response,
};

/// How long a create is waited for, in seconds.
pub(crate) const WAIT_SECS: u64 = 30;

/// The form of a create's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As described.
    V1,
    /// As callers of the original API read it.
    Original,
}

impl Form {
    /// The form for a request, as [`mark`] has found it.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::V1)
    }
}

/// Tells such creates from others, by their path.
pub(crate) async fn mark(mut request: Request, next: Next) -> Response {
    let is_create = matches!(request.uri().path(), "/api/tenants" | "/api/tenants/batch");
    if is_create && request.method() == Method::POST {
        request.extensions_mut().insert(Form::Original);
    }
    next.run(request).await
}
