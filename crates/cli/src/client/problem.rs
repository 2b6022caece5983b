//! Turns a refusal (`application/problem+json`, RFC 9457) into one line and one piece of advice.

use std::time::Duration;

use contract::{FieldProblem, Problem};

use crate::failure::Failure;

/// How many bad fields are named before the rest is counted.
const NAMED_FIELDS: usize = 5;

/// The failure behind an answer with `status` and `body`. `retry_after` is what the API asked for.
pub(super) fn explain(status: u16, body: &str, retry_after: Option<Duration>) -> Failure {
    let Ok(problem) = serde_json::from_str::<Problem>(body) else { return of_another(status) };
    let Problem { code, detail, errors, .. } = problem;
    let failure =
        Failure::new(format!("{detail} ({code}, HTTP {status}){}", fields(&errors, &detail)));
    let failure = match serde_json::from_str(body) {
        Ok(document) => failure.with_problem(document),
        Err(_) => failure,
    };
    let again = retry_after.filter(|_| matches!(status, 429 | 503));
    if let Some(wait) = again {
        return failure.advise(format!("try again in {} s", wait.as_secs().max(1)));
    }
    match advice(status, &code) {
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
fn fields(errors: &[FieldProblem], said: &str) -> String {
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
        (404, "operation_not_found" | "item_not_found") => {
            "`tenantry operation list` shows the operations"
        }
        (404, "batch_not_found") => "`tenantry batch list` shows the batches",
        (404, _) => "check the id and --url",
        (409, "nothing_to_retry") => {
            "correct the failed tenants and submit them; `tenantry batch results ID --status failed` shows why they failed"
        }
        (409, "item_not_stuck" | "item_not_undo_failed") => {
            "`tenantry item show OPERATION INDEX` tells the state it is in"
        }
        (409, code) if code.starts_with("operation_") => {
            "`tenantry operation show ID` tells the state it is in"
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

    fn body(code: &str, detail: &str, wrong: &str) -> String {
        let errors = serde_json::json!([{ "pointer": "/tenants", "code": code, "message": wrong }]);
        let problem = serde_json::json!({ "type": "urn:x", "title": "Bad", "status": 400,
            "code": code, "detail": detail, "errors": errors });
        problem.to_string()
    }

    #[test]
    fn tells_code_message_and_fields() {
        let body = body("invalid_request", "2 fields are wrong", "is missing");

        let told = explain(400, &body, None).to_string();

        assert_eq!(told, "2 fields are wrong (invalid_request, HTTP 400); /tenants: is missing");
    }

    #[test]
    fn says_nothing_twice() {
        let body = body("mode_unsupported", "no such mode", "no such mode");

        assert_eq!(
            explain(422, &body, None).to_string(),
            "no such mode (mode_unsupported, HTTP 422)"
        );
    }

    #[test]
    fn survives_an_answer_that_is_no_problem_document() {
        for (status, body) in [(404, "<html>"), (413, ""), (502, "{\"error\":\"bad gateway\"}")] {
            let told = explain(status, body, None).to_string();
            assert!(
                told.starts_with(&format!("HTTP {status} without a reason: a proxy")),
                "{told}"
            );
        }
    }

    #[test]
    fn says_what_to_do_without_a_token() {
        let failure = explain(401, &body("unauthenticated", "send a token", ""), None);

        assert!(format!("{failure:?}").contains("tenantry token create"));
    }

    #[test]
    fn a_server_at_its_limit_says_when_to_come_back() {
        let body = body("overloaded", "too much at once", "");

        let busy = explain(503, &body, Some(Duration::from_secs(2)));

        assert!(format!("{busy:?}").contains("try again in 2 s"), "{busy:?}");
    }
}
