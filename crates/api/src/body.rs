//! What a submission's body says, whether it is a document or lines of JSON.

use std::{borrow::Cow, fmt, ops::Range};

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::Mode;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::{problem::Problem, schedule, texts::Texts, well_formed::WellFormed};

/// A batch as it was sent.
#[derive(Debug)]
pub(crate) struct SentBatch {
    pub(crate) tenants: Texts,
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
    /// The batch that `fields` are. What `asked` says (the query) counts where they say nothing.
    ///
    /// # Errors
    /// 413 when it has more than `most` tenants, 422 when it has none, or says something that
    /// cannot be.
    pub(crate) fn of(fields: Fields, asked: HowAsked<'_>, most: usize) -> Result<Self, Problem> {
        let Fields { tenants, mode, run_at } = fields;
        if tenants.len() > most {
            return Err(Problem::too_many_tenants(most));
        }
        if tenants.len() == 0 {
            return Err(Problem::invalid_body(
                "/tenants",
                "empty_batch",
                "`tenants` must contain at least one tenant",
            ));
        }
        let mode = parse_mode(mode.as_deref().or(asked.mode))?;
        let run_at = run_at.as_deref().or(asked.run_at).map(schedule::parse).transpose()?;
        Ok(Self { tenants, mode, run_at })
    }
}

/// The body as one JSON document.
///
/// # Errors
/// 400 with line and column when the text is not valid.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|e| not_json(&e))
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::malformed_json(&format!("the body is not JSON: line {}", error.line()), error)
}

/// The body as the text of one JSON document.
///
/// # Errors
/// 400 with line and column when the text is not valid.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    serde_json::from_slice::<WellFormed>(bytes).map_err(|e| not_json(&e))?;
    Ok(std::str::from_utf8(bytes).expect("JSON is UTF-8"))
}

/// The fields of a batch, not yet understood.
#[derive(Debug)]
pub(crate) struct Fields {
    tenants: Texts,
    mode: Option<String>,
    run_at: Option<String>,
}

impl Fields {
    /// Those of lines of JSON: nothing but tenants.
    pub(crate) fn of_lines(tenants: Texts) -> Self {
        Self { tenants, mode: None, run_at: None }
    }

    /// Those of `{"tenants": […], "mode"?, "run_at"?}`, with at most `most` tenants.
    ///
    /// # Errors
    /// 400 when it is not JSON, 413 when it has too many tenants, 422 when it is JSON of another
    /// form.
    pub(crate) fn of_object(body: Vec<u8>, most: usize) -> Result<Self, Problem> {
        // First as a whole: what follows looks only as deep as it has to.
        let document = text(&body)?;
        if !document.trim_start().starts_with('{') {
            let message = "the body must be an object: {\"tenants\": [...]}";
            return Err(Problem::invalid_body("", "invalid_field", message));
        }
        let raw: Raw<'_> = serde_json::from_str(document).map_err(|e| not_json(&e))?;
        raw.nothing_else()?;
        let places = match raw.tenants {
            Some(tenants) => places(document, tenants, most)?,
            None => return Err(Problem::invalid_body("/tenants", "missing_field", "is missing")),
        };
        let mode = word(raw.mode, "mode", "invalid_mode")?;
        let run_at = word(raw.run_at, "run_at", "invalid_run_at")?;
        Ok(Self { tenants: Texts::new(body, places), mode, run_at })
    }
}

/// The fields of a batch as text.
#[derive(Default)]
struct Raw<'a> {
    tenants: Option<&'a RawValue>,
    mode: Option<&'a RawValue>,
    run_at: Option<&'a RawValue>,
    /// The first name that a batch has not, or has twice.
    wrong: Option<(&'static str, String)>,
}

impl Raw<'_> {
    fn nothing_else(&self) -> Result<(), Problem> {
        let Some((code, name)) = &self.wrong else { return Ok(()) };
        let pointer = format!("/{}", domain::pointer_step(name));
        let message = match *code {
            "repeated_field" => "a batch has each field once",
            _ => "there is no such field; a batch has: tenants, mode, run_at",
        };
        Err(Problem::invalid_body(&pointer, code, message))
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a batch")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
                let mut raw = Raw::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let field = match &*name {
                        "tenants" => &mut raw.tenants,
                        "mode" => &mut raw.mode,
                        "run_at" => &mut raw.run_at,
                        _ => {
                            raw.wrong.get_or_insert_with(|| ("unknown_field", name.into_owned()));
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if field.replace(map.next_value()?).is_some() {
                        raw.wrong.get_or_insert_with(|| ("repeated_field", name.into_owned()));
                    }
                }
                Ok(raw)
            }
        }
        from.deserialize_map(Object)
    }
}

/// Where in `body` each element of the list `tenants` stands, which is a part of it.
fn places(body: &str, tenants: &RawValue, most: usize) -> Result<Vec<Range<usize>>, Problem> {
    let mut list = serde_json::Deserializer::from_str(tenants.get());
    let elements = Elements { most }
        .deserialize(&mut list)
        .map_err(|_| Problem::invalid_body("/tenants", "invalid_field", "must be an array"))?;
    let elements = elements.ok_or_else(|| Problem::too_many_tenants(most))?;
    let place = |tenant: &RawValue| {
        let begin = tenant.get().as_ptr().addr() - body.as_ptr().addr();
        begin..begin + tenant.get().len()
    };
    Ok(elements.into_iter().map(place).collect())
}

/// The elements of a list, each as text; `None` when there are more than `most`.
struct Elements {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Option<Vec<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == self.most {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            elements.push(element);
        }
        Ok(Some(elements))
    }
}

/// The text in a field that may be left out.
fn word(
    field: Option<&RawValue>,
    name: &str,
    code: &'static str,
) -> Result<Option<String>, Problem> {
    let Some(field) = field else { return Ok(None) };
    serde_json::from_str(field.get())
        .map_err(|_| Problem::invalid_body(&format!("/{name}"), code, "must be a string"))
}

fn parse_mode(mode: Option<&str>) -> Result<Mode, Problem> {
    let Some(mode) = mode else { return Ok(Mode::Independent) };
    mode.parse().map_err(|_| {
        let message = "a mode is `independent` or `atomic`";
        Problem::invalid_body("/mode", "invalid_mode", message)
    })
}

/// The `Idempotency-Key` of a request: 1 to 255 visible ASCII characters.
///
/// # Errors
/// 400 when it is something else.
pub(crate) fn idempotency_key(headers: &axum::http::HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| {
        (1..=255).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b))
    });
    key.filter(|_| values.next().is_none()).map(Some).ok_or_else(|| {
        let detail = "Idempotency-Key must be one header of 1 to 255 visible ASCII characters";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{extract::Kind, lines::Lines};

    fn read(kind: Kind, body: &str) -> Result<SentBatch, Problem> {
        let fields = match kind {
            Kind::Json => Fields::of_object(body.into(), 3)?,
            Kind::Ndjson => {
                let mut lines = Lines::new(3);
                lines.push(body.as_bytes());
                Fields::of_lines(lines.finish()?)
            }
        };
        SentBatch::of(fields, HowAsked::default(), 3)
    }

    fn tenants(batch: &SentBatch) -> Vec<Value> {
        batch.tenants.from(0).map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    fn refused(kind: Kind, body: &str) -> (u16, String) {
        let problem = read(kind, body).unwrap_err();
        (problem.status().as_u16(), problem.code().to_owned())
    }

    #[test]
    fn reads_a_document_and_lines_alike() {
        let document = read(Kind::Json, r#"{"tenants": [{"a": 1}, 2], "mode": null}"#).unwrap();
        let lines = read(Kind::Ndjson, "{\"a\": 1}\r\n\n  2  \n").unwrap();

        assert_eq!(tenants(&document), [serde_json::json!({"a": 1}), 2.into()]);
        assert_eq!(tenants(&document), tenants(&lines));
        assert_eq!(document.mode, Mode::Independent);
    }

    #[test]
    fn names_the_place_that_is_not_json_as_deep_as_it_may_be() {
        for (body, place) in [
            ("{\"tenants\": [\n{\"a\": }]}", "line 2, column 7"),
            ("{\"tenants\": [1e999]}", "line 1, column 18"),
            ("{\"tenants\": [\"\\ud800\"]}", "line 1, column 21"),
        ] {
            let problem = read(Kind::Json, body).unwrap_err();

            let text = format!("{problem:?}");
            assert_eq!(text, format!("{:?}", json(body.as_bytes()).unwrap_err()));
            assert!(text.contains(place), "{text}");
        }
    }

    #[test]
    fn takes_the_fields_in_any_order() {
        let body = r#" {"mode": "atomic", "tenants": [ {"a": "\ud83d\ude00"} , [2]]} "#;

        let batch = read(Kind::Json, body).unwrap();

        assert_eq!(batch.mode, Mode::Atomic);
        assert_eq!(
            tenants(&batch),
            [serde_json::json!({"a": "\u{1f600}"}), serde_json::json!([2])]
        );
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
            (r#"{"tenants": [1], "tenants": [1]}"#, 422, "repeated_field"),
            (r#"{"mode": "atomic", "tenants": [1], "m\u006fde": null}"#, 422, "repeated_field"),
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
        let read = |body: &[u8]| {
            SentBatch::of(Fields::of_object(body.to_vec(), 3).unwrap(), asked, 3).unwrap()
        };

        let silent = read(br#"{"tenants": [1]}"#);
        let outspoken =
            read(br#"{"tenants": [1], "mode": "independent", "run_at": "2031-01-01T00:00:00Z"}"#);

        assert_eq!(silent.mode, Mode::Atomic);
        assert_eq!(outspoken.mode, Mode::Independent);
        assert!(silent.run_at < outspoken.run_at);
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
