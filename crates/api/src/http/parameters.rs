//! Path and query of a request; what cannot be read is a [`Problem`]. So is a query parameter that a call
//! does not have: a filter with a slip in its name would find everything.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, MatchedPath, Path, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use utoipa::openapi::{OpenApi, RefOr, path::ParameterIn};

use crate::{context::Context, http::problem::Problem};

/// The query parameters of each call, by its method and path below `/api/v1`.
#[derive(Debug)]
pub(crate) struct Parameters(HashMap<(Method, String), Vec<String>>);

impl Parameters {
    /// Those that the description names.
    pub(crate) fn of(description: &OpenApi) -> Self {
        let mut all = HashMap::new();
        for (path, item) in &description.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PATCH, &item.patch),
                (Method::PUT, &item.put),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                let named = operation.parameters.iter().flatten();
                let query = named.filter_map(|it| match it {
                    RefOr::T(it) if it.parameter_in == ParameterIn::Query => Some(it.name.clone()),
                    _ => None,
                });
                all.insert((method, path.clone()), query.collect());
            }
        }
        Self(all)
    }

    /// `None` for what is no call of the API.
    fn known(&self, method: &Method, path: &str) -> Option<&[String]> {
        let below = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/api"))?;
        let call = (method.clone(), format!("/api/v1{below}"));
        self.0.get(&call).map(Vec::as_slice)
    }
}

/// Lets a request through if the call has each of its query parameters, given once.
///
/// # Errors
/// 400 that names the one it does not have, and those it has.
pub(crate) async fn check(
    State(cx): State<Context>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let known = path.and_then(|path| cx.parameters().known(request.method(), path));
    if let (Some(known), Some(_)) = (known, request.uri().query()) {
        let unreadable = |_| Problem::invalid_parameter("", "the query cannot be read");
        let given = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
        let Query(given) = given.map_err(unreadable)?;
        for (at, (name, _)) in given.iter().enumerate() {
            if !known.contains(name) {
                return Err(unknown(name, known));
            }
            if given[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::invalid_parameter(name, "is given twice"));
            }
        }
    }
    Ok(next.run(request).await)
}

fn unknown(name: &str, known: &[String]) -> Problem {
    let there = match known {
        [] => "this call has none".to_owned(),
        _ => format!("there are: {}", known.join(", ")),
    };
    let detail = format!("there is no query parameter `{name}` here; {there}");
    Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", detail)
}

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

/// The time `asked`.
///
/// # Errors
/// 400 when it is not a time with a zone.
pub(crate) fn time(name: &str, asked: Option<&str>) -> Result<Option<DateTime<Utc>>, Problem> {
    let parsed = asked.map(DateTime::parse_from_rfc3339).transpose();
    let time = parsed.map_err(|_| {
        let message = "must be a time with a zone, such as 2027-01-31T08:00:00Z";
        Problem::invalid_parameter(name, message)
    })?;
    Ok(time.map(|time| time.to_utc()))
}

/// The text `asked`, which PostgreSQL can compare with.
///
/// # Errors
/// 400 when it has U+0000.
pub(crate) fn text(name: &str, asked: Option<String>) -> Result<Option<String>, Problem> {
    if asked.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Problem::invalid_parameter(name, "must be without U+0000"));
    }
    Ok(asked)
}
