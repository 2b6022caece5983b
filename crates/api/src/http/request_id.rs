//! `X-Request-Id`: the caller's if it is sane, else ours; in the answer, the log and the audit.

use std::{fmt, sync::Arc};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Where the id stands, in and out.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from a caller, in bytes: it goes into every log line and audit row.
const MAX_BYTES: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's id if it has one of `[A-Za-z0-9._:-]{1,128}`, else a fresh one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match sent {
            Some(id) if is_valid(id) => Self(id.into()),
            _ => Self(Uuid::now_v7().to_string().into()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("only visible ASCII is accepted or minted")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_valid(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    (1..=MAX_BYTES).contains(&id.len()) && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &'static str) -> String {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_static(value))]);
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn keeps_a_sane_id_and_replaces_any_other() {
        let long = "x".repeat(129).leak();

        assert_eq!(of("req-1.2:a_B"), "req-1.2:a_B");
        for strange in ["", "a b", "a\"b", "a,b", long] {
            let minted = of(strange);
            assert_eq!(minted.len(), 36, "{strange} became {minted}");
        }
    }
}
