//! `Idempotency-Key`: what it stands for, and what a call with it became before.
//!
//! A key stands for a hash of all that a call asks for. Two bodies with the same JSON value ask for
//! the same, whatever the order of their fields or the writing of their numbers.

use std::collections::BTreeMap;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
};
use chrono::{DateTime, Utc};
use domain::{Mode, OperationId, OperatorId};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use store::idempotency::{self, Became, Claimed, Once};

use super::{parse, read::Slices};
use crate::{
    context::Context,
    http::{body::Document, problem::Problem},
};

/// The key of a call, and what it stands for.
pub(crate) type Key<'a> = (&'a str, [u8; 32]);

/// The key of a request: 1 to 255 printable ASCII characters. Spaces around it are none of a header's value.
///
/// # Errors
/// 400 when it is something else.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| {
        (1..=255).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b))
    });
    key.filter(|_| values.next().is_none()).map(Some).ok_or_else(|| {
        let detail = "Idempotency-Key must be one header of 1 to 255 printable ASCII characters";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
    })
}

/// The batch that the same call of `caller` became before; `None` after `key` was taken for `batch`.
///
/// # Errors
/// 422 when the key stands for another call.
pub(crate) async fn replayed(
    conn: &mut PgConnection,
    caller: OperatorId,
    key: &Key<'_>,
    batch: OperationId,
    days: i32,
) -> Result<Option<OperationId>, Problem> {
    match first(conn, caller, key, Became::Operation(batch), days).await? {
        None => Ok(None),
        Some(Became::Operation(first)) => Ok(Some(first)),
        Some(_) => Err(Problem::internal("an operation was something else before")),
    }
}

/// What the same call of `caller` became before; `None` after `key` was taken for what it `became` now.
///
/// # Errors
/// 422 when the key stands for another call.
pub(crate) async fn first(
    conn: &mut PgConnection,
    caller: OperatorId,
    (key, body_hash): &Key<'_>,
    became: Became,
    days: i32,
) -> Result<Option<Became>, Problem> {
    taken(conn, Once { caller, key, body_hash, days }, became).await
}

async fn taken(
    conn: &mut PgConnection,
    once: Once<'_>,
    became: Became,
) -> Result<Option<Became>, Problem> {
    match idempotency::claim(conn, once, became).await? {
        Claimed::Now => Ok(None),
        Claimed::Before(first) => Ok(Some(first)),
        Claimed::ByAnother => Err(Problem::idempotency_key_reused()),
        Claimed::Gone => Err(Problem::try_again()),
    }
}

/// The `Idempotency-Key` of a call that does something to what is there, and what it stands for: method, path
/// and body.
#[derive(Debug)]
pub(crate) struct Act {
    key: Option<String>,
    call: String,
    stands_for: [u8; 32],
    days: i32,
}

impl Act {
    /// The same of a call with a body, which may be left out.
    ///
    /// # Errors
    /// 400 with line and column when it is not JSON.
    pub(crate) fn with(self, body: &Document) -> Result<Self, Problem> {
        if !body.bytes.trim_ascii().is_empty() {
            parse::json_text(&body.bytes)?;
        }
        let body = Slices::one(body.bytes.clone(), None);
        let stands_for = fingerprint(&self.call, Mode::Independent, None, &body);
        Ok(Self { stands_for, ..self })
    }

    /// What takes the key for `caller`; `None` without a key.
    pub(crate) fn once(&self, caller: OperatorId) -> Option<Once<'_>> {
        let key = self.key.as_deref()?;
        Some(Once { caller, key, body_hash: &self.stands_for, days: self.days })
    }

    /// Whether `caller` sent the same call before. If not, its key is taken.
    ///
    /// # Errors
    /// 422 when the key stands for another call.
    pub(crate) async fn is_done(
        &self,
        conn: &mut PgConnection,
        caller: OperatorId,
    ) -> Result<bool, Problem> {
        match self.once(caller) {
            None => Ok(false),
            Some(once) => Ok(taken(conn, once, Became::Done).await?.is_some()),
        }
    }
}

impl FromRequestParts<Context> for Act {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, cx: &Context) -> Result<Self, Problem> {
        let key = key(&parts.headers)?.map(str::to_owned);
        // The path below `/api/v1`, or below `/api`: both are one call.
        let call = format!("{} {}", parts.method, parts.uri.path());
        let stands_for =
            fingerprint(&call, Mode::Independent, None, &Slices::one(Vec::new(), None));
        Ok(Self { key, call, stands_for, days: cx.settings.retention.idempotency_days })
    }
}

/// SHA-256 of a call; `call` keeps two calls with one body apart.
pub(crate) fn fingerprint(
    call: &str,
    mode: Mode,
    run_at: Option<DateTime<Utc>>,
    tenants: &Slices,
) -> [u8; 32] {
    let mut hash = Hash(Sha256::new());
    let run_at = run_at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default();
    for part in [call, mode.as_str(), &run_at] {
        hash.part('p', part.as_bytes());
    }
    for tenant in tenants.from(0) {
        hash.value(tenant.trim());
    }
    hash.0.finalize().into()
}

/// SHA-256 of the JSON value that `text` is, whatever its writing.
pub(super) fn value_hash(text: &str) -> [u8; 32] {
    let mut hash = Hash(Sha256::new());
    hash.value(text.trim());
    hash.0.finalize().into()
}

struct Hash(Sha256);

impl Hash {
    /// A text of one kind; no two sequences of parts are the same bytes.
    fn part(&mut self, kind: char, text: &[u8]) {
        self.0.update(format!("{kind}{}:", text.len()));
        self.0.update(text);
    }

    /// The JSON value that `text` is. What is not JSON counts byte for byte.
    fn value(&mut self, text: &str) {
        let read = match text.as_bytes().first() {
            Some(b'{') => self.object(text),
            Some(b'[') => self.list(text),
            Some(b'"') => serde_json::from_str(text).map(|s: String| self.part('s', s.as_bytes())),
            Some(b'-' | b'0'..=b'9') => {
                self.part('n', number(text).as_bytes());
                Ok(())
            }
            _ => {
                self.part('w', text.as_bytes());
                Ok(())
            }
        };
        if read.is_err() {
            self.part('t', text.as_bytes());
        }
    }

    /// In the order of the names.
    fn object(&mut self, text: &str) -> serde_json::Result<()> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
        self.part('o', fields.len().to_string().as_bytes());
        for (name, value) in fields {
            self.part('f', name.as_bytes());
            self.value(value.get());
        }
        Ok(())
    }

    fn list(&mut self, text: &str) -> serde_json::Result<()> {
        let values: Vec<&RawValue> = serde_json::from_str(text)?;
        self.part('l', values.len().to_string().as_bytes());
        for value in values {
            self.value(value.get());
        }
        Ok(())
    }
}

/// A number's one writing: sign, digits without zeros around them, and the power of ten they are of.
fn number(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i64>() else { return text.to_owned() };
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let dropped = (digits.len() - kept.len()) as i64;
    match kept.trim_start_matches('0') {
        "" => "0".to_owned(),
        kept => {
            format!("{sign}{kept}e{}", exponent.saturating_sub(fraction.len() as i64) + dropped)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn of(body: &str) -> [u8; 32] {
        fingerprint("batch", Mode::Independent, None, &Slices::one(body.into(), None))
    }

    #[test]
    fn tells_two_calls_two_modes_two_times_and_two_bodies_apart() {
        let body = || Slices::one(b"{}".to_vec(), None);
        let at = |secs| DateTime::from_timestamp(secs, 0);
        let hashes = [
            fingerprint("batch", Mode::Independent, None, &body()),
            fingerprint("tenant", Mode::Independent, None, &body()),
            fingerprint("batch", Mode::Atomic, None, &body()),
            fingerprint("batch", Mode::Independent, at(1), &body()),
            fingerprint("batch", Mode::Independent, at(2), &body()),
            of("[]"),
            of(r#"{"a": 1}"#),
            of(r#"{"a": "1"}"#),
            of(r#"{"a": null}"#),
            of(r#"{"a": [1, 2]}"#),
            of(r#"{"a": [2, 1]}"#),
            of(r#"{"a": [[1], 2]}"#),
            of(r#"{"a": 10}"#),
            of(r#"{"a": -1}"#),
            of(r#"{"a": 1.00000000000000000000001}"#),
        ];

        assert_eq!(HashSet::from(hashes).len(), hashes.len());
    }

    #[test]
    fn takes_every_writing_of_a_value_for_the_same() {
        for (one, other) in [
            (r#"{"a": 1, "b": {"c": [2], "d": "x"}}"#, r#"{"b":{"d":"\u0078","c":[2]},"a":1}"#),
            ("[1.50, 100, 0, 2e3]", "[15e-1, 1E+2, -0.0, 2000.0]"),
            (" {} ", "{\n}"),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
    }
}
