//! The problems of this API by name, and which foreign error is which of them.

use axum::http::StatusCode;
use domain::{ItemError, OperationId, TenantId, codes};
use engine::control::ControlError;
use store::{ErrorClass, is_state};

use crate::http::problem::{FieldProblem, Problem};

impl Problem {
    pub(crate) fn tenant_not_found(id: TenantId) -> Self {
        Self::new(StatusCode::NOT_FOUND, "tenant_not_found", format!("there is no tenant {id}"))
    }

    pub(crate) fn rollout_not_found(id: OperationId) -> Self {
        let detail = format!("there is no rollout {id}");
        Self::new(StatusCode::NOT_FOUND, "rollout_not_found", detail)
    }

    pub(crate) fn key_not_found(tenant: TenantId, key: i64) -> Self {
        let detail = format!("tenant {tenant} has no API key {key}");
        Self::new(StatusCode::NOT_FOUND, "key_not_found", detail)
    }

    pub(crate) fn no_such_path() -> Self {
        let detail = "nothing answers at this path; /openapi.json lists what does";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "this path does not take this method; /openapi.json lists those it takes";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 401: no token of a live operator. The same for every reason.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "send `Authorization: Bearer <operator token>` with a live token";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    pub(crate) fn role_too_low(has: domain::Role, needs: domain::Role) -> Self {
        let detail = format!("this needs the role `{needs}`; the token's role is `{has}`");
        Self::new(StatusCode::FORBIDDEN, "role_too_low", detail)
    }

    /// 422: the key stands for another call of this caller.
    pub(crate) fn idempotency_key_reused() -> Self {
        let detail = "this Idempotency-Key came with another request before; use a new one";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    }

    pub(crate) fn invalid_parameter(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let field =
            FieldProblem { pointer: name.to_owned(), code: "invalid_parameter".into(), message };
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
            format!("`{name}`: {}", field.message),
        )
        .with_errors(vec![field])
    }

    /// 422: the body is JSON, but not what this call takes.
    pub(crate) fn invalid_body(pointer: &str, code: &'static str, message: &str) -> Self {
        let field = FieldProblem {
            pointer: pointer.to_owned(),
            code: code.into(),
            message: message.to_owned(),
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).with_errors(vec![field])
    }

    /// 422: the body has the field `name`, which this call does not take; it takes those of `fields`.
    pub(crate) fn unknown_field(name: &str, fields: &str) -> Self {
        let pointer = format!("/{}", domain::pointer_step(name));
        let message = format!("there is no such field; the body has: {fields}");
        Self::invalid_body(&pointer, "unknown_field", &message)
    }

    pub(crate) fn too_many_tenants(most: usize) -> Self {
        let detail = format!("a batch takes at most {most} tenants; send several batches");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_tenants", detail)
    }

    pub(crate) fn too_many_listed(most: usize) -> Self {
        let detail = format!(
            "an operation lists at most {most} tenants; send several operations, or a `selector`"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_tenants", detail)
    }

    /// 400: the body, one document, is not JSON.
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        Self::malformed_json(&format!("the body is not JSON: line {}", error.line()), error)
    }

    /// 400: the body is not JSON. `place` says where: the document or a line.
    pub(crate) fn malformed_json(place: &str, error: &serde_json::Error) -> Self {
        // Without its position, which `place` and the column below give.
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        let detail = format!("{place}, column {}: {what}", error.column());
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    }

    /// What the failure of the one tenant of a request is answered with.
    pub(crate) fn of_item(error: ItemError, batch: OperationId) -> Self {
        const CONFLICTS: [domain::Code; 7] = [
            codes::DOMAIN_TAKEN,
            codes::SCHEMA_TAKEN,
            codes::ROLE_TAKEN,
            codes::EXTERNAL_ID_TAKEN,
            codes::NAME_TAKEN,
            codes::CANCELLED,
            codes::BATCH_ROLLED_BACK,
        ];
        const OURS: [domain::Code; 9] = [
            codes::RIGHT_REFUSED,
            codes::DATABASE_REFUSED,
            codes::MIGRATION_FAILED,
            codes::VERIFY_FAILED,
            codes::DATABASE_UNAVAILABLE,
            codes::TIMED_OUT,
            codes::ATTEMPTS_EXHAUSTED,
            codes::BATCH_DEADLINE,
            codes::INTERNAL,
        ];
        let status = if CONFLICTS.contains(&error.code) {
            StatusCode::CONFLICT
        } else if OURS.contains(&error.code) {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        Self::new(status, error.code.as_str().to_owned(), error.message).with_batch(batch)
    }

    /// 409: nothing holds up or takes back the drop of a tenant that has begun.
    pub(crate) fn drop_has_begun(id: TenantId) -> Self {
        let detail = format!("tenant {id} is to be deleted, being dropped, or gone");
        Self::new(StatusCode::CONFLICT, "drop_has_begun", detail)
    }

    /// 500: a bug, or something an operator has to look at.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let detail = "something went wrong on our side; the log has it under this request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).with_cause(cause)
    }

    pub(crate) fn body_timed_out() -> Self {
        let detail = "the body did not go on arriving; send the request again";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_timed_out", detail)
    }

    /// 503: more is asked of this process than it can do at once.
    pub(crate) fn overloaded() -> Self {
        let detail = "this server is busy; try again after Retry-After seconds";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).with_retry_after(1)
    }

    /// 429: one operator has as many calls in work as it may.
    pub(crate) fn too_many_calls() -> Self {
        let detail = "this token has too many calls in work; come back when Retry-After says so";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).with_retry_after(1)
    }

    /// 503: the database did not answer another request that asked for the same.
    pub(crate) fn no_answer() -> Self {
        let detail = "the control database is not available; try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail)
            .with_retry_after(1)
    }

    pub(crate) fn database_unavailable(cause: sqlx::Error) -> Self {
        Self::no_answer().with_cause(cause)
    }

    /// 503: this request met another; the same one will pass.
    pub(crate) fn try_again() -> Self {
        let detail = "this request met another over the same names or key; send it again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", detail).with_retry_after(1)
    }

    /// 503: Tenantry's schema is not in the database, or is older than this program.
    pub(crate) fn not_migrated() -> Self {
        let detail = "the control database is not migrated: run `tenantry migrate public up`";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_migrated", detail).with_retry_after(5)
    }

    /// Whether the transaction met another and may pass if it is run again: a dead-lock or a
    /// serialization failure.
    pub(crate) fn is_collision(&self) -> bool {
        self.cause::<sqlx::Error>().is_some_and(|error| is_state(error, &["40P01", "40001"]))
    }
}

/// Undefined table, schema, function, column or type: what a database says that lacks our schema or
/// the queue's, or has an older one.
const NOT_THERE: [&str; 5] = ["42P01", "3F000", "42883", "42703", "42704"];

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if is_state(&error, &NOT_THERE) || matches!(error, sqlx::Error::TypeNotFound { .. }) {
            return Self::not_migrated().with_cause(error);
        }
        match store::classify(&error) {
            // No connection came free in time. A database that is away looks the same to the pool:
            // the router asks it.
            ErrorClass::Away if matches!(error, sqlx::Error::PoolTimedOut) => {
                Self::overloaded().with_cause(error)
            }
            ErrorClass::Away | ErrorClass::Transient | ErrorClass::Refused => {
                Self::database_unavailable(error)
            }
            ErrorClass::Permanent => Self::internal(error),
        }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        use ControlError as E;

        let (detail, mut errors) = (error.to_string(), Vec::new());
        let (status, code) = match error {
            E::NotFound(_) => (StatusCode::NOT_FOUND, "batch_not_found"),
            E::ItemNotFound(..) => (StatusCode::NOT_FOUND, "item_not_found"),
            E::Finished(..) => (StatusCode::CONFLICT, "batch_finished"),
            E::Open(..) => (StatusCode::CONFLICT, "batch_open"),
            E::Ending(..) => (StatusCode::CONFLICT, "batch_ending"),
            E::InEffect(_) => (StatusCode::CONFLICT, "operation_in_effect"),
            E::Protected(_) => (StatusCode::CONFLICT, "deletion_protected"),
            E::NeedsShared(_) => (StatusCode::CONFLICT, "needs_shared"),
            E::NoRollout(_) => (StatusCode::CONFLICT, "not_a_rollout"),
            E::NothingToPromote(_) => (StatusCode::CONFLICT, "nothing_to_promote"),
            E::WaitsByItself(_) => (StatusCode::CONFLICT, "rollout_waits"),
            E::NotSkippable(..) => (StatusCode::CONFLICT, "item_not_skippable"),
            E::Paused(_) => (StatusCode::CONFLICT, "batch_paused"),
            E::NotPaused(_) => (StatusCode::CONFLICT, "batch_not_paused"),
            E::QueuePaused => (StatusCode::CONFLICT, "queue_paused"),
            E::QueueNotPaused => (StatusCode::CONFLICT, "queue_not_paused"),
            E::NotStuck(..) => (StatusCode::CONFLICT, "item_not_stuck"),
            E::NotUndoFailed(..) | E::NotForOperator(..) => {
                (StatusCode::CONFLICT, "item_not_undo_failed")
            }
            E::NothingToRetry(..) => (StatusCode::CONFLICT, "nothing_to_retry"),
            E::OnlyWhole(_) => (StatusCode::CONFLICT, "not_all_retryable"),
            E::SelectionChanged(_) => {
                let (pointer, code) = ("/digest".to_owned(), "selection_changed".into());
                errors.push(FieldProblem { pointer, code, message: detail.clone() });
                (StatusCode::CONFLICT, "selection_changed")
            }
            E::NotAllRetryable(_, why) => {
                errors.extend(why.into_iter().map(not_retryable));
                (StatusCode::CONFLICT, "not_all_retryable")
            }
            // Acts answer it as they did when they took effect.
            E::DoneBefore => return Self::internal(detail),
            E::KeyReused => return Self::idempotency_key_reused(),
            E::TryAgain => return Self::try_again(),
            E::SchemaName(error) => return Self::internal(error),
            E::Database(error) => return error.into(),
        };
        Self::new(status, code, detail).with_errors(errors)
    }
}

/// Why the item at this index keeps its batch from running again.
fn not_retryable((index, error): (u32, Option<ItemError>)) -> FieldProblem {
    let (code, message) = match error {
        Some(error) => (error.code.as_str().to_owned(), error.message),
        None => ("not_retryable".to_owned(), "can never succeed unchanged".to_owned()),
    };
    FieldProblem { pointer: format!("/results/{index}"), code: code.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_an_item_has_the_status_of_its_kind() {
        let status = |code: domain::Code| {
            Problem::of_item(ItemError::rejected(code, "why"), OperationId::mint())
                .status()
                .as_u16()
        };

        assert_eq!(status(codes::INVALID_DOMAIN), 422);
        assert_eq!(status(codes::DOMAIN_TAKEN), 409);
        assert_eq!(status(codes::MIGRATION_FAILED), 500);
    }

    #[test]
    fn says_where_json_ends_to_be_json() {
        let error = serde_json::from_str::<serde_json::Value>("{\"a\": nope}").unwrap_err();

        let problem = Problem::malformed_json("line 7", &error);

        let text = format!("{problem:?}");
        assert!(text.contains("line 7, column 8: expected ident"), "{text}");
    }

    #[test]
    fn a_lost_database_is_unavailable_and_not_a_bug() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let problem = Problem::from(sqlx::Error::Io(refused));

        assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
    }

    #[tokio::test]
    async fn a_refused_password_is_an_outage() {
        let db = harness::empty_db().await;
        let options = (*db.pool.connect_options()).clone().username("nobody_here");
        let refused = store::open(&options).await.unwrap_err();

        let problem = Problem::from(refused);

        assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
    }

    #[test]
    fn a_pool_without_a_free_connection_is_an_overload() {
        let problem = Problem::from(sqlx::Error::PoolTimedOut);

        assert_eq!((problem.status().as_u16(), problem.code()), (503, "overloaded"));
    }
}
