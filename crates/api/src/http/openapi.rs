//! The description of the API, made of the descriptions beside the handlers, and the problems many calls
//! share.

use utoipa::{
    IntoResponses, Modify, OpenApi as _,
    openapi::{
        OpenApi, Server,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::http::{problem::ProblemBody, router};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tenantry",
        description = "Provisions tenants, one PostgreSQL schema each: submit a batch, watch it, \
            fetch the keys. Every path under `/api/v1` answers under `/api` too, where a create waits \
            up to 30 s by itself and is answered as callers of the original API expect. A query \
            parameter that a call does not have is refused (`unknown_parameter`). Every error is \
            `application/problem+json` with a stable `code`. `X-Request-Id` is taken and returned. \
            `Tenantry-Actor`, 1 to 255 characters that can be printed, says for whom you act: the audit \
            log keeps it, and it gives no rights.",
    ),
    components(schemas(contract::Acknowledged, contract::Batch, contract::BatchPage, contract::ResultPage)),
    modifiers(&BearerToken),
    security(("operator_token" = [])),
    tags(
        (name = "tenants", description = "Make tenants, and look at them"),
        (name = "batches", description = "Watch and steer batches"),
        (name = "queue", description = "Look at the queue as a whole, and hold it"),
        (name = "keys", description = "Fetch API keys, then have their secrets erased"),
        (name = "audit", description = "Read who changed what"),
        (name = "operations", description = "For those who run the service; no token"),
    ),
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, openapi: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An operator token. `viewer` may GET, check a tenant and verify a key; `operator` may also make, change, suspend and \
                 resume tenants, cancel, retry, pause and resume operations, issue, reveal and acknowledge keys; \
                 `admin` may everything: migrate, delete, hold, pause the queue, see to tenants whose undo failed.",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("operator_token", SecurityScheme::Http(scheme));
    }
}

/// What all descriptions are merged into.
pub(crate) fn base() -> OpenApi {
    Description::openapi()
}

/// The whole description as JSON, of an API that answers below `public_path`.
pub(crate) fn document(public_path: &str) -> String {
    let mut description = router::description();
    let url = if public_path.is_empty() { "/" } else { public_path };
    description.servers = Some(vec![Server::new(url)]);
    description.to_json().expect("a description of strings and numbers is JSON")
}

/// The header of a call that takes effect once.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header, is none")]
pub(crate) struct OnceHeader {
    /// 1 to 255 printable ASCII characters, at least one of them no space, in one header. The same call with it
    /// takes effect once in 24 hours; another call with it is refused.
    #[param(rename = "Idempotency-Key", max_length = 255, pattern = "^[ -~]*[!-~][ -~]*$")]
    idempotency_key: Option<String>,
}

/// The header of a call that is answered with 202.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header, is none")]
pub(crate) struct WaitHeader {
    /// `wait=N`, in seconds
    #[param(rename = "Prefer")]
    prefer: Option<String>,
}

/// What every call with a token can be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers, is none")]
pub(crate) enum Common {
    /// No token, or none of a live operator (`unauthenticated`).
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token's role is too low (`role_too_low`).
    #[response(status = 403, content_type = "application/problem+json")]
    RoleTooLow(ProblemBody),
    /// Too many requests of this caller (`rate_limited`); `Retry-After` says how long to wait.
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(ProblemBody),
    /// Something went wrong on our side (`internal`).
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemBody),
    /// Too much is asked at once (`overloaded`), or the control database does not answer, or is not
    /// migrated (`database_unavailable`, `not_migrated`, `try_again`, `request_timed_out`).
    /// `Retry-After` says when to come back.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What a call with an id can be answered with too.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers, is none")]
pub(crate) enum NotFound {
    /// Nothing has this id (`batch_not_found`, `item_not_found`, `tenant_not_found`,
    /// `key_not_found`, `not_found`).
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}

/// What a call with query parameters can be answered with too.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers, is none")]
pub(crate) enum BadParameter {
    /// A parameter is wrong (`invalid_parameter`, `use_cursor`).
    #[response(status = 400, content_type = "application/problem+json")]
    BadParameter(ProblemBody),
}

/// What a submission can be answered with too.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers, is none")]
pub(crate) enum BadSubmission {
    /// The body is not JSON (`malformed_json`, with line and column), or a header is wrong
    /// (`invalid_idempotency_key`, `invalid_header`).
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// The body did not go on arriving (`body_timed_out`).
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(ProblemBody),
    /// Too many tenants or bytes (`too_many_tenants`, `body_too_large`).
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// Neither JSON nor NDJSON (`unsupported_media_type`).
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(ProblemBody),
    /// JSON of another form than this call takes (`missing_field`, `unknown_field`,
    /// `invalid_field`, `empty_batch`, `invalid_mode`, `invalid_run_at`; for one tenant the code
    /// of its first bad field), or an `Idempotency-Key` that came with another request before
    /// (`idempotency_key_reused`).
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(ProblemBody),
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn refers_only_to_schemas_that_are_there() {
        let text = super::document("");
        let document: Value = serde_json::from_str(&text).unwrap();

        let named = text.split("\"#").skip(1).map(|it| it.split('"').next().unwrap());
        for pointer in named {
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_state_is_described_by_its_words() {
        let document: Value = serde_json::from_str(&super::document("")).unwrap();
        let words = &document["components"]["schemas"]["OperationState"]["enum"];
        assert_eq!(*words, serde_json::json!(domain::OperationState::ALL));
    }
}
