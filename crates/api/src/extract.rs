//! Path, query and body of a request; what cannot be read is a [`Problem`].

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use domain::MAX_ITEM_BYTES;
use serde::de::DeserializeOwned;

use crate::{
    arriving::{Arriving, Room},
    context::Context,
    problem::Problem,
};

/// The id in the path. One that is none is the id of nothing: 404.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Context> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, cx: &Context) -> Result<Self, Problem> {
        let Path(id) = Path::from_request_parts(parts, cx).await.map_err(|_| {
            let detail = "nothing has the id in the path";
            Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
        })?;
        Ok(Self(id))
    }
}

/// The query parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Context> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, cx: &Context) -> Result<Self, Problem> {
        let Query(params) = Query::from_request_parts(parts, cx).await.map_err(|rejection| {
            let text = rejection.body_text();
            let (_, wrong) = text.split_once(": ").unwrap_or(("", &text));
            let (name, why) = wrong.split_once(": ").unwrap_or(("", wrong));
            let why = why.replace("invalid digit found in string", "not a whole number");
            Problem::invalid_parameter(name, format!("cannot be read: {why}"))
        })?;
        Ok(Self(params))
    }
}

/// What kind of document the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Ndjson,
}

/// The body of a call about one tenant, not yet read as JSON.
pub(crate) struct Document {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    /// Its place among the bodies in memory.
    pub(crate) room: Option<Room>,
}

impl FromRequest<Context> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, cx: &Context) -> Result<Self, Problem> {
        let kind = kind(request.headers())?;
        let mut body = Arriving::of(cx, request, MAX_ITEM_BYTES);
        let bytes = body.whole().await?;
        Ok(Self { kind, bytes, room: body.into_room() })
    }
}

/// What kind of document `headers` announce.
///
/// # Errors
/// 415 when it is one that nothing here takes, or is compressed.
pub(crate) fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let refused =
        |detail| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refused("send the body as it is, without `Content-Encoding`"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = types.next() else { return Ok(Kind::Json) };
    if types.next().is_some() {
        return Err(refused("send one `Content-Type` header"));
    }
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Kind::Json),
        essence if is_ndjson(essence) => Ok(Kind::Ndjson),
        _ => Err(refused("send `Content-Type: application/json` or `application/x-ndjson`")),
    }
}

/// Whether the caller asked for one JSON document a line.
pub(crate) fn accepts_ndjson(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|media| is_ndjson(media.split(';').next().unwrap_or_default().trim()))
}

fn is_ndjson(media: &str) -> bool {
    ["application/x-ndjson", "application/ndjson"].iter().any(|m| media.eq_ignore_ascii_case(m))
}

/// `asked`, or `default` without it.
///
/// # Errors
/// 400 when it is not from 1 to `most`.
pub(crate) fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(default);
    if (1..=most).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::invalid_parameter("limit", format!("must be from 1 to {most}")))
    }
}

/// The word `asked` as one of the words a `T` can be.
///
/// # Errors
/// 400 naming the words there are.
pub(crate) fn word<T>(name: &str, asked: Option<&str>, all: &[T]) -> Result<Option<T>, Problem>
where
    T: Copy + std::fmt::Display + std::str::FromStr,
{
    let Some(asked) = asked else { return Ok(None) };
    asked.parse().map(Some).map_err(|_| {
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        Problem::invalid_parameter(name, format!("must be one of {}", words.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn takes_json_and_lines_of_json_and_nothing_else() {
        let kind = |value| kind(&headers(header::CONTENT_TYPE, value)).ok();

        assert_eq!(kind("application/json; charset=utf-8"), Some(Kind::Json));
        assert_eq!(kind("Application/X-NDJSON"), Some(Kind::Ndjson));
        assert_eq!(kind("application/x-www-form-urlencoded"), None);
        assert_eq!(super::kind(&HeaderMap::new()).ok(), Some(Kind::Json));
        let encoded = |value| super::kind(&headers(header::CONTENT_ENCODING, value)).is_ok();
        assert!(encoded("identity") && !encoded("gzip") && !encoded("identity, gzip"));
    }

    #[test]
    fn sees_lines_of_json_among_what_is_accepted() {
        assert!(accepts_ndjson(&headers(header::ACCEPT, "text/html, application/x-ndjson;q=0.9")));
        assert!(!accepts_ndjson(&headers(header::ACCEPT, "application/json, */*")));
    }
}
