//! Turns a refusal (`application/problem+json`, RFC 9457) into one line and one piece of advice.

use std::time::Duration;

use serde::Deserialize;

use crate::failure::Failure;

/// How many bad fields are named before the rest is counted.
const NAMED_FIELDS: usize = 5;

/// The API's problem document, as far as people are told of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: Option<String>,
    code: Option<String>,
    errors: Vec<BadField>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BadField {
    pointer: String,
    message: String,
}

/// The failure behind an answer with `status` and `body`. `retry_after` is what the API asked for.
pub(super) fn explain(status: u16, body: &str, retry_after: Option<Duration>) -> Failure {
    let Ok(problem) = serde_json::from_str::<Problem>(body) else { return of_another(status) };
    let what = problem.detail.clone().filter(|d| !d.is_empty()).unwrap_or_else(|| {
        if problem.title.is_empty() { "no reason given".to_owned() } else { problem.title.clone() }
    });
    let code = problem.code.as_deref().unwrap_or("no code");
    let failure =
        Failure::new(format!("{what} ({code}, HTTP {status}){}", fields(&problem.errors, &what)));
    let failure = match serde_json::from_str(body) {
        Ok(document) => failure.with_problem(document),
        Err(_) => failure,
    };
    let again = retry_after.filter(|_| matches!(status, 429 | 503));
    if let Some(wait) = again {
        return failure.advise(format!("try again in {} s", wait.as_secs().max(1)));
    }
    match advice(status, code) {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// What an answer means that is not the API's: all of its errors are problem documents.
fn of_another(status: u16) -> Failure {
    let what = format!("HTTP {status} without a reason: a proxy sent it, or --url is not the API");
    let advice = match status {
        413 => "raise the proxy's limit of a body (nginx: client_max_body_size), or split the file",
        502 | 503 => "check that the API runs and that the proxy reaches it",
        504 | 408 => {
            "ask for a shorter --wait than the proxy's time limit, or raise that; a batch that was accepted goes on"
        }
        _ => "check --url and the log of the proxy",
    };
    Failure::new(what).advise(advice)
}

/// Bad fields, unless the sentence before says the same.
fn fields(errors: &[BadField], said: &str) -> String {
    let mut text: String = errors
        .iter()
        .filter(|field| !said.contains(&field.message))
        .take(NAMED_FIELDS)
        .map(|field| format!("; {}: {}", field.pointer, field.message))
        .collect();
    if errors.len() > NAMED_FIELDS {
        text.push_str(&format!("; and {} more", errors.len() - NAMED_FIELDS));
    }
    text
}

fn advice(status: u16, code: &str) -> Option<&'static str> {
    Some(match (status, code) {
        (401, _) => {
            "set TENANTRY_TOKEN to a valid token; `tenantry token create --name me --role operator` makes one"
        }
        (403, _) => "use a token with a higher role; `tenantry token list` shows them",
        (404, "tenant_not_found") => "`tenantry tenant list` shows the tenants",
        (404, "batch_not_found" | "item_not_found") => "`tenantry batch list` shows the batches",
        (404, _) => "check the id and --url",
        (409, "nothing_to_retry") => {
            "correct the failed tenants and submit them; `tenantry batch results ID --status failed` shows why they failed"
        }
        (409, _) => "`tenantry batch show ID` tells the state it is in",
        (413, "body_too_large") => "split the file, or raise TENANTRY__API__MAX_BODY_BYTES",
        (413, _) => "split the file; MAX_TENANTS_PER_BATCH is the limit of one batch",
        (422, code) if code.contains("idempotency") => {
            "use another --idempotency-key, or send the same tenants again"
        }
        (429, _) => "wait a moment and try again",
        (500..=599, _) => "look at the API's log, and run `tenantry health`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_code_message_and_fields() {
        let body = r#"{"title":"Bad","detail":"2 fields are wrong","code":"invalid_request",
            "errors":[{"pointer":"/tenants","message":"is missing"}]}"#;

        let told = explain(400, body, None).to_string();

        assert_eq!(told, "2 fields are wrong (invalid_request, HTTP 400); /tenants: is missing");
    }

    #[test]
    fn says_nothing_twice() {
        let body = r#"{"title":"Bad","detail":"no such mode","code":"mode_unsupported",
            "errors":[{"pointer":"/mode","message":"no such mode"}]}"#;

        assert_eq!(
            explain(422, body, None).to_string(),
            "no such mode (mode_unsupported, HTTP 422)"
        );
    }

    #[test]
    fn survives_an_answer_that_is_no_problem_document() {
        for status in [404, 413, 502, 504] {
            let told = explain(status, "<html>", None).to_string();
            assert!(
                told.starts_with(&format!("HTTP {status} without a reason: a proxy")),
                "{told}"
            );
        }
    }

    #[test]
    fn says_what_to_do_without_a_token() {
        let failure = explain(401, r#"{"title":"Unauthorized","code":"unauthorized"}"#, None);

        assert!(format!("{failure:?}").contains("tenantry token create"));
    }

    #[test]
    fn a_server_at_its_limit_says_when_to_come_back() {
        let body = r#"{"title":"Busy","code":"overloaded"}"#;

        let busy = explain(503, body, Some(Duration::from_secs(2)));

        assert!(format!("{busy:?}").contains("try again in 2 s"), "{busy:?}");
    }
}
