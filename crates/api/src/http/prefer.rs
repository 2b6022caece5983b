//! `Prefer: wait=N` (RFC 7240): how long a caller wants its answer held for the result.
//!
//! Callers of the original API know the paths below `/api`, not `/api/v1`: their creates are waited for
//! without being asked to, and answered with the fields they read.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{FromRequestParts, Request},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, request::Parts},
    middleware::Next,
    response::Response,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{context::Context, http::auth::Caller};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a create of theirs is waited for, in seconds.
const WAIT_SECS: u64 = 30;

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
    fn of(extensions: &Extensions) -> Self {
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

/// How long a request is to wait, in seconds, at most `cap_secs`; `None` for not at all.
pub(crate) fn wait_secs(
    headers: &HeaderMap,
    extensions: &Extensions,
    cap_secs: u64,
) -> Option<u64> {
    let is_original = Form::of(extensions) == Form::Original;
    let unasked = is_original.then_some(WAIT_SECS);
    asked(headers).or(unasked).map(|secs| secs.min(cap_secs)).filter(|secs| *secs > 0)
}

/// The wait of one call, and the form of its answer.
#[derive(Debug)]
pub(crate) struct Wait {
    /// `None` when the caller asked for no wait, or its operator has too many open already.
    granted: Option<Granted>,
    form: Form,
}

#[derive(Debug)]
struct Granted {
    secs: u64,
    /// By the caller.
    asked_for: bool,
    /// Of the operator's share of waits.
    _share: OwnedSemaphorePermit,
}

impl Wait {
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.granted.as_ref().map(|granted| Duration::from_secs(granted.secs))
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Says in the answer what was honoured.
    pub(crate) fn apply_to(&self, headers: &mut HeaderMap) {
        if let Some(Granted { secs, asked_for: true, .. }) = &self.granted {
            let value = HeaderValue::from_str(&format!("wait={secs}"));
            headers.insert(PREFERENCE_APPLIED, value.expect("a word and a number"));
        }
    }
}

impl FromRequestParts<Context> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, cx: &Context) -> Result<Self, Infallible> {
        let granted = || {
            let cap_secs = cx.settings.api.max_wait_secs;
            let secs = wait_secs(&parts.headers, &parts.extensions, cap_secs)?;
            let asked_for = asked(&parts.headers).is_some();
            let caller = parts.extensions.get::<Caller>()?;
            Some(Granted { secs, asked_for, _share: cx.waits_of.take(caller.id)? })
        };
        Ok(Self { granted: granted(), form: Form::of(&parts.extensions) })
    }
}

/// The first `wait` among the preferences; one that cannot be read is ignored, as the RFC says.
fn asked(headers: &HeaderMap) -> Option<u64> {
    headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, secs)| secs.trim().trim_matches('"').parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&'static str]) -> Option<u64> {
        let headers = values.iter().map(|v| (PREFER, HeaderValue::from_static(v))).collect();
        wait_secs(&headers, &Extensions::new(), 60)
    }

    #[test]
    fn finds_wait_among_other_preferences_in_any_writing() {
        assert_eq!(wait(&["wait=10"]), Some(10));
        assert_eq!(wait(&["respond-async, WAIT = \"5\"; x=1"]), Some(5));
        assert_eq!(wait(&["return=minimal", "wait=7"]), Some(7));
    }

    #[test]
    fn waits_no_longer_than_allowed_and_not_at_all_for_nonsense() {
        assert_eq!(wait(&["wait=100000"]), Some(60));
        for nothing in ["", "wait", "wait=", "wait=-1", "wait=soon", "await=3", "wait=0"] {
            assert_eq!(wait(&[nothing]), None, "{nothing}");
        }
    }
}
