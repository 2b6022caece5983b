//! Turns a refusal (`application/problem+json`, RFC 9457) into one line and one piece of advice.

use std::time::Duration;

use contract::{FieldProblem, Problem};

use super::operations::Under;
use crate::failure::Failure;

/// How many bad fields are named before the rest is counted.
const NAMED_FIELDS: usize = 5;

/// The failure behind an answer with `status` and `body`, in the words of what was asked. `retry_after` is
/// what the API asked for.
pub(super) fn explain(
    (status, under): (u16, Under),
    body: &str,
    retry_after: Option<Duration>,
) -> Failure {
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
    let advice = on_conflict(status, &code, under).or_else(|| Some(advice(status, &code)?.into()));
    match advice {
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

/// What to do about a state that does not fit the call.
fn on_conflict(status: u16, code: &str, under: Under) -> Option<String> {
    let (noun, items) = (under.noun(), under.items());
    let why = format!("`tenantry {noun} {items} ID --status failed` shows why they failed");
    match (status, code, under) {
        (409, "nothing_to_retry", Under::Batches) => {
            Some(format!("correct the failed tenants and submit them; {why}"))
        }
        (409, "nothing_to_retry", Under::Operations) => {
            Some(format!("{why}; submit a new operation for these tenants when the cause is gone"))
        }
        (409, "not_all_retryable", _) => {
            Some(format!("`tenantry {noun} show ID` tells the state it is in"))
        }
        _ => None,
    }
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
        (404, "never_checked") => "`tenantry tenant check TENANT` looks now",
        (404, "rollout_not_found") => "`tenantry rollout list` shows the rollouts",
        (404, _) => "check the id and --url",
        (409, "item_not_stuck" | "item_not_undo_failed") => {
            "`tenantry item show OPERATION INDEX` tells the state it is in"
        }
        (409, "rollout_waits" | "nothing_to_promote") => {
            "`tenantry rollout show ID` tells what it waits for"
        }
        (409, "wrong_tenant_state") => "`tenantry tenant show ID` tells the state it is in",
        (409, code) if code.starts_with("queue_") => {
            "`tenantry queue show` tells the state it is in"
        }
        (409, code) if code.starts_with("operation_") => {
            "`tenantry operation show ID` tells the state it is in"
        }
        (409, code) if code.starts_with("batch_") => {
            "`tenantry batch show ID` tells the state it is in"
        }
        (413, "body_too_large") => "split the file, or raise TENANTRY__API__MAX_BODY_BYTES",
        (413, _) => "split the file; MAX_TENANTS_PER_BATCH is the limit of one batch",
        (422, code) if code.contains("idempotency") => {
            "use another --idempotency-key, or send the same tenants again"
        }
        (429, _) => "wait a moment and try again",
        (503, "not_checked_yet") => "`tenantry queue show` lists the workers; one has to run",
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

        let told = explain((400, Under::Batches), &body, None).to_string();

        assert_eq!(told, "2 fields are wrong (invalid_request, HTTP 400); /tenants: is missing");
    }

    #[test]
    fn says_nothing_twice() {
        let body = body("mode_unsupported", "no such mode", "no such mode");

        assert_eq!(
            explain((422, Under::Batches), &body, None).to_string(),
            "no such mode (mode_unsupported, HTTP 422)"
        );
    }

    #[test]
    fn survives_an_answer_that_is_no_problem_document() {
        for (status, body) in [(404, "<html>"), (413, ""), (502, "{\"error\":\"bad gateway\"}")] {
            let told = explain((status, Under::Batches), body, None).to_string();
            assert!(
                told.starts_with(&format!("HTTP {status} without a reason: a proxy")),
                "{told}"
            );
        }
    }

    #[test]
    fn says_what_to_do_without_a_token() {
        let failure =
            explain((401, Under::Batches), &body("unauthenticated", "send a token", ""), None);

        assert!(format!("{failure:?}").contains("tenantry token create"));
    }

    #[test]
    fn a_server_at_its_limit_says_when_to_come_back() {
        let body = body("overloaded", "too much at once", "");

        let busy = explain((503, Under::Batches), &body, Some(Duration::from_secs(2)));

        assert!(format!("{busy:?}").contains("try again in 2 s"), "{busy:?}");
    }

    #[test]
    fn advises_in_the_words_of_what_was_asked() {
        let advice = |code, under| {
            format!("{:?}", explain((409, under), &body(code, "it cannot be", ""), None))
        };

        let batch = advice("nothing_to_retry", Under::Batches);
        let operation = advice("nothing_to_retry", Under::Operations);
        let tenant = advice("wrong_tenant_state", Under::Operations);

        assert!(batch.contains("tenantry batch results ID --status failed"), "{batch}");
        assert!(operation.contains("tenantry operation items ID --status failed"), "{operation}");
        assert!(!operation.contains("batch") && !operation.contains("submit them"), "{operation}");
        assert!(tenant.contains("tenantry tenant show ID"), "{tenant}");
        assert!(!advice("domain_taken", Under::Operations).contains("batch"));
    }
}
