//! The problems many calls share, for the API's description.

use utoipa::IntoResponses;

use crate::http::problem::ProblemBody;

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
    /// `not_found`).
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
    /// (`invalid_idempotency_key`).
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
