//! Refuses query parameters that a call does not have: a filter with a slip in its name would find
//! everything.

use std::collections::HashMap;

use axum::{
    extract::{MatchedPath, Query, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
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
            let operations = [(Method::GET, &item.get), (Method::POST, &item.post)];
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
