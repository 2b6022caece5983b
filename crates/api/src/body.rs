//! What a submission's body holds: a document or lines of JSON, and the hash that tells two apart.

use axum::{body::Bytes, http::StatusCode};
use chrono::{DateTime, Utc};
use domain::Mode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    extract::{Document, Kind},
    problem::Problem,
    schedule,
};

/// A batch as it was sent.
#[derive(Debug)]
pub(crate) struct SentBatch {
    pub(crate) tenants: Vec<Value>,
    pub(crate) mode: Mode,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
}

/// How a batch is to be done, where its body does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HowAsked<'a> {
    pub(crate) mode: Option<&'a str>,
    pub(crate) run_at: Option<&'a str>,
}

impl SentBatch {
    /// Reads `{"tenants": […], "mode"?, "run_at"?}`, or one tenant a line. What `asked` says (the
    /// query) counts where the body says nothing.
    ///
    /// # Errors
    /// 400 when it is not JSON, 413 when it has more than `most` tenants, 422 when it is JSON of
    /// another form.
    pub(crate) fn read(
        document: &Document,
        asked: HowAsked<'_>,
        most: usize,
    ) -> Result<Self, Problem> {
        let Fields { tenants, mode, run_at } = match document.kind {
            Kind::Json => Fields::of_object(json(&document.bytes)?)?,
            Kind::Ndjson => {
                Fields { tenants: ndjson(&document.bytes, most)?, mode: None, run_at: None }
            }
        };
        if tenants.len() > most {
            return Err(Problem::too_many_tenants(most));
        }
        if tenants.is_empty() {
            return Err(Problem::invalid_body("/tenants", "empty_batch", "a batch has a tenant"));
        }
        let mode = parse_mode(mode.as_deref().or(asked.mode))?;
        let run_at = run_at.as_deref().or(asked.run_at).map(schedule::parse).transpose()?;
        Ok(Self { tenants, mode, run_at })
    }
}

/// SHA-256 of what a call asks for; `call` keeps two calls with one body apart.
pub(crate) fn hash(call: &str, asked: HowAsked<'_>, bytes: &Bytes) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(call.as_bytes());
    // Only if there is one: a key lives longer than the release that first knew `run_at`.
    if let Some(run_at) = asked.run_at {
        hash.update(b" at ");
        hash.update(run_at.as_bytes());
    }
    hash.update([0]);
    hash.update(asked.mode.unwrap_or_default().as_bytes());
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

/// The body as one JSON document.
///
/// # Errors
/// 400 with line and column when it is none.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|e| {
        Problem::malformed_json(&format!("the body is not JSON: line {}", e.line()), &e)
    })
}

/// The fields of a batch, not yet understood.
struct Fields {
    tenants: Vec<Value>,
    mode: Option<String>,
    run_at: Option<String>,
}

impl Fields {
    fn of_object(body: Value) -> Result<Self, Problem> {
        let Value::Object(mut fields) = body else {
            let message = "the body must be an object: {\"tenants\": [...]}";
            return Err(Problem::invalid_body("", "invalid_field", message));
        };
        let tenants = match fields.remove("tenants") {
            Some(Value::Array(tenants)) => tenants,
            Some(_) => {
                return Err(Problem::invalid_body("/tenants", "invalid_field", "must be an array"));
            }
            None => return Err(Problem::invalid_body("/tenants", "missing_field", "is missing")),
        };
        let mode = text(&mut fields, "mode", "invalid_mode")?;
        let run_at = text(&mut fields, "run_at", "invalid_run_at")?;
        nothing_else(&fields)?;
        Ok(Self { tenants, mode, run_at })
    }
}

/// The text in a field that may be left out.
fn text(
    fields: &mut Map<String, Value>,
    name: &str,
    code: &'static str,
) -> Result<Option<String>, Problem> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::invalid_body(&format!("/{name}"), code, "must be a string")),
    }
}

fn nothing_else(fields: &Map<String, Value>) -> Result<(), Problem> {
    match fields.keys().next() {
        None => Ok(()),
        Some(field) => {
            let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
            let message = "there is no such field; a batch has: tenants, mode, run_at";
            Err(Problem::invalid_body(&pointer, "unknown_field", message))
        }
    }
}

fn parse_mode(mode: Option<&str>) -> Result<Mode, Problem> {
    let Some(mode) = mode else { return Ok(Mode::Independent) };
    mode.parse().map_err(|_| {
        let message = "a mode is `independent` or `atomic`";
        Problem::invalid_body("/mode", "invalid_mode", message)
    })
}

fn ndjson(bytes: &[u8], most: usize) -> Result<Vec<Value>, Problem> {
    let mut tenants = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if tenants.len() == most {
            return Err(Problem::too_many_tenants(most));
        }
        tenants.push(serde_json::from_slice(line).map_err(|e| {
            Problem::malformed_json(&format!("a line of the body is not JSON: line {number}"), &e)
        })?);
    }
    Ok(tenants)
}

/// The `Idempotency-Key` of a request: 1 to 255 visible ASCII characters.
///
/// # Errors
/// 400 when it is something else.
pub(crate) fn idempotency_key(headers: &axum::http::HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| {
        (1..=255).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b))
    });
    key.map(Some).ok_or_else(|| {
        let detail = "Idempotency-Key must be 1 to 255 visible ASCII characters";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(kind: Kind, body: &str) -> Result<SentBatch, Problem> {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        SentBatch::read(&Document { kind, bytes }, HowAsked::default(), 3)
    }

    fn refused(kind: Kind, body: &str) -> (u16, String) {
        let problem = read(kind, body).unwrap_err();
        (problem.status().as_u16(), problem.code().to_owned())
    }

    #[test]
    fn reads_a_document_and_lines_alike() {
        let document = read(Kind::Json, r#"{"tenants": [{"a": 1}, 2], "mode": null}"#).unwrap();
        let lines = read(Kind::Ndjson, "{\"a\": 1}\r\n\n  2  \n").unwrap();

        assert_eq!(document.tenants, lines.tenants);
        assert_eq!(document.mode, Mode::Independent);
    }

    #[test]
    fn names_the_line_that_is_not_json() {
        let problem = read(Kind::Ndjson, "{}\n\n{\"a\": }\n").unwrap_err();

        let text = format!("{problem:?}");
        assert_eq!((problem.status().as_u16(), problem.code()), (400, "malformed_json"));
        assert!(text.contains("line 3, column 7"), "{text}");
    }

    #[test]
    fn refuses_each_other_form_with_its_own_code() {
        for (body, status, code) in [
            ("{", 400, "malformed_json"),
            ("[]", 422, "invalid_field"),
            ("{}", 422, "missing_field"),
            (r#"{"tenants": {}}"#, 422, "invalid_field"),
            (r#"{"tenants": []}"#, 422, "empty_batch"),
            (r#"{"tenants": [1], "tenant": 2}"#, 422, "unknown_field"),
            (r#"{"tenants": [1], "mode": 7}"#, 422, "invalid_mode"),
            (r#"{"tenants": [1], "run_at": 1893456000}"#, 422, "invalid_run_at"),
            (r#"{"tenants": [1], "run_at": "soon"}"#, 422, "invalid_run_at"),
            (r#"{"tenants": [1], "mode": "both"}"#, 422, "invalid_mode"),
            (r#"{"tenants": [1, 2, 3, 4]}"#, 413, "too_many_tenants"),
        ] {
            assert_eq!(refused(Kind::Json, body), (status, code.to_owned()), "{body}");
        }
        assert_eq!(refused(Kind::Ndjson, "1\n2\n3\n4").0, 413);
        assert_eq!(refused(Kind::Ndjson, "\n \n").1, "empty_batch");
    }

    #[test]
    fn what_the_body_says_counts_before_the_query() {
        let asked = HowAsked { mode: Some("atomic"), run_at: Some("2030-01-01T00:00:00Z") };
        let read = |body: &'static [u8]| {
            let document = Document { kind: Kind::Json, bytes: Bytes::from_static(body) };
            SentBatch::read(&document, asked, 3).unwrap()
        };

        let silent = read(br#"{"tenants": [1]}"#);
        let outspoken =
            read(br#"{"tenants": [1], "mode": "independent", "run_at": "2031-01-01T00:00:00Z"}"#);

        assert_eq!(silent.mode, Mode::Atomic);
        assert_eq!(outspoken.mode, Mode::Independent);
        assert!(silent.run_at < outspoken.run_at);
    }

    #[test]
    fn tells_two_calls_two_modes_two_times_and_two_bodies_apart() {
        let body = Bytes::from_static(b"{}");
        let at_once = HowAsked::default();
        let hashes = [
            hash("batch", at_once, &body),
            hash("single", at_once, &body),
            hash("batch", HowAsked { mode: Some("atomic"), ..at_once }, &body),
            hash("batch", HowAsked { run_at: Some("2030"), ..at_once }, &body),
            hash("batch", at_once, &Bytes::from_static(b"{ }")),
        ];

        assert_eq!(std::collections::HashSet::from(hashes).len(), 5);
        assert_eq!(hash("batch", at_once, &body), hashes[0]);
    }

    proptest! {
        #[test]
        fn never_panics_and_never_takes_more_than_allowed(body in ".{0,64}") {
            for kind in [Kind::Json, Kind::Ndjson] {
                if let Ok(batch) = read(kind, &body) {
                    prop_assert!((1..=3).contains(&batch.tenants.len()));
                }
            }
        }
    }
}
