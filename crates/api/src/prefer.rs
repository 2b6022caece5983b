//! `Prefer: wait=N` (RFC 7240): how long a caller wants its answer held for the result.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};

use crate::context::Context;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long to wait for the result, in seconds, capped by `api.max_wait_secs`; none = not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(Option<u64>);

impl Wait {
    /// What `headers` ask for, at most `cap_secs`.
    pub(crate) fn of(headers: &HeaderMap, cap_secs: u64) -> Self {
        Self(asked(headers).map(|secs| secs.min(cap_secs)).filter(|secs| *secs > 0))
    }

    /// How long to wait, if at all.
    pub(crate) fn duration(self) -> Option<Duration> {
        self.0.map(Duration::from_secs)
    }

    /// Says in the answer what was honoured.
    pub(crate) fn apply_to(self, headers: &mut HeaderMap) {
        if let Some(secs) = self.0 {
            let value = HeaderValue::from_str(&format!("wait={secs}"));
            headers.insert(PREFERENCE_APPLIED, value.expect("a word and a number"));
        }
    }
}

impl FromRequestParts<Context> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, cx: &Context) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, cx.settings().api.max_wait_secs))
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
        Wait::of(&headers, 60).0
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
