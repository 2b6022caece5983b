//! What a submission's body holds: a document or lines of JSON, and the hash that tells two apart.

use axum::{body::Bytes, http::StatusCode};
use domain::Mode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    extract::{Document, Kind},
    problem::Problem,
};

/// A batch as it was sent.
#[derive(Debug)]
pub(crate) struct SentBatch {
    pub(crate) tenants: Vec<Value>,
    pub(crate) mode: Mode,
}

impl SentBatch {
    /// Reads `{"tenants": […], "mode"?}`, or one tenant a line. `mode` of the query counts where
    /// the body has none.
    ///
    /// # Errors
    /// 400 when it is not JSON, 413 when it has more than `most` tenants, 422 when it is JSON of
    /// another form.
    pub(crate) fn read(
        document: &Document,
        mode: Option<&str>,
        most: usize,
    ) -> Result<Self, Problem> {
        let (tenants, mode_in_body) = match document.kind {
            Kind::Json => from_object(json(&document.bytes)?)?,
            Kind::Ndjson => (ndjson(&document.bytes, most)?, None),
        };
        if tenants.len() > most {
            return Err(Problem::too_many_tenants(most));
        }
        if tenants.is_empty() {
            return Err(Problem::invalid_body("/tenants", "empty_batch", "a batch has a tenant"));
        }
        let mode = parse_mode(mode_in_body.as_deref().or(mode))?;
        Ok(Self { tenants, mode })
    }
}

/// SHA-256 of what a call asks for; `call` keeps two calls with one body apart.
pub(crate) fn hash(call: &str, mode: Option<&str>, bytes: &Bytes) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [call.as_bytes(), mode.unwrap_or_default().as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
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

fn from_object(body: Value) -> Result<(Vec<Value>, Option<String>), Problem> {
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
    let mode = match fields.remove("mode") {
        None | Some(Value::Null) => None,
        Some(Value::String(mode)) => Some(mode),
        Some(_) => return Err(Problem::invalid_body("/mode", "invalid_mode", "must be a string")),
    };
    nothing_else(&fields)?;
    Ok((tenants, mode))
}

fn nothing_else(fields: &Map<String, Value>) -> Result<(), Problem> {
    match fields.keys().next() {
        None => Ok(()),
        Some(field) => {
            let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
            let message = "there is no such field; a batch has: tenants, mode";
            Err(Problem::invalid_body(&pointer, "unknown_field", message))
        }
    }
}

fn parse_mode(mode: Option<&str>) -> Result<Mode, Problem> {
    let Some(mode) = mode else { return Ok(Mode::Independent) };
    match mode.parse() {
        Ok(Mode::Independent) => Ok(Mode::Independent),
        Ok(unsupported @ Mode::Atomic) => Err(Problem::mode_unsupported(unsupported)),
        Err(_) => {
            let message = "a mode is `independent` or `atomic`";
            Err(Problem::invalid_body("/mode", "invalid_mode", message))
        }
    }
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
        SentBatch::read(&Document { kind, bytes }, None, 3)
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
            (r#"{"tenants": [1], "mode": "atomic"}"#, 422, "mode_unsupported"),
            (r#"{"tenants": [1], "mode": "both"}"#, 422, "invalid_mode"),
            (r#"{"tenants": [1, 2, 3, 4]}"#, 413, "too_many_tenants"),
        ] {
            assert_eq!(refused(Kind::Json, body), (status, code.to_owned()), "{body}");
        }
        assert_eq!(refused(Kind::Ndjson, "1\n2\n3\n4").0, 413);
        assert_eq!(refused(Kind::Ndjson, "\n \n").1, "empty_batch");
    }

    #[test]
    fn tells_two_calls_two_modes_and_two_bodies_apart() {
        let body = Bytes::from_static(b"{}");
        let hashes = [
            hash("batch", None, &body),
            hash("single", None, &body),
            hash("batch", Some("atomic"), &body),
            hash("batch", None, &Bytes::from_static(b"{ }")),
        ];

        assert_eq!(std::collections::HashSet::from(hashes).len(), 4);
        assert_eq!(hash("batch", None, &body), hashes[0]);
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
