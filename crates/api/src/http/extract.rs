//! Path and query of a request; what cannot be read is a [`Problem`].

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{context::Context, http::problem::Problem};

/// The id in the path. A text that is not a valid id is 404: nothing has it.
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

/// The media types that the caller takes, in the order of its words.
pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|media| media.split(';').next().unwrap_or_default().trim())
}

pub(crate) fn is_ndjson(media: &str) -> bool {
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
