//! `POST /batches/{id}/retry`: run failed tenants again.

use std::time::Duration;

use axum::{extract::State, response::Response};
use domain::OperationId;
use engine::control::{self, Group, Retry};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::submit_batch::accepted;
use crate::{
    auth::CanOperate,
    batch_view::BatchView,
    body,
    context::Context,
    documented::{BadSubmission, Common, NotFound},
    extract::{Document, Id},
    problem::{Problem, ProblemBody},
};

/// Which failed tenants run again; without it all of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct FailureGroup {
    /// Only those with this error code.
    #[schema(example = "migration_failed")]
    code: Option<String>,
    /// Only those that failed in this step.
    #[schema(example = "apply_migrations")]
    step: Option<String>,
}

/// Retry a batch
///
/// Runs the failed and cancelled tenants of a finished batch again, with fresh tries and a fresh
/// deadline; with `code` or `step` only those that failed so, and the others stay as they are. Their
/// names are reserved again; those taken in the meantime stay failed, as do those whose request was
/// invalid.
///
/// A batch that is all or nothing runs again whole, those of its tenants that were rolled back
/// included, or not at all.
#[utoipa::path(
    post,
    path = "/batches/{id}/retry",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    request_body = Option<FailureGroup>,
    responses(
        (status = 202, description = "The batch, going again", body = BatchView),
        (status = 409, description = "It is not over (`batch_open`), or no tenant of it can be \
            retried (`nothing_to_retry`), or not all of one that is all or nothing \
            (`not_all_retryable`; `errors` says which)", body = ProblemBody,
            content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn retry_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
    document: Document,
) -> Result<Response, Problem> {
    let group = match document.bytes.trim_ascii() {
        [] => Group::default(),
        bytes => group(body::json(bytes)?)?,
    };
    let tenants = &cx.settings().tenants;
    let how = Retry {
        group: &group,
        policy: cx.policy(),
        schema_prefix: &tenants.schema_prefix,
        timeout: Duration::from_secs(tenants.batch_timeout_secs),
    };
    control::retry(&cx.pool(), caller.by(), id, how).await?;
    accepted(&cx, id).await
}

/// The group that a body names: no field stands for all failures.
fn group(body: Value) -> Result<Group, Problem> {
    let mut fields = match body {
        Value::Null => return Ok(Group::default()),
        Value::Object(fields) => fields,
        _ => {
            let message = "the body must be an object: {\"code\": \"...\", \"step\": \"...\"}";
            return Err(Problem::invalid_body("", "invalid_field", message));
        }
    };
    let mut word = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if !word.is_empty() && !word.contains('\0') => Ok(Some(word)),
        Some(_) => {
            let message = "must be a code or a step as the results show it";
            Err(Problem::invalid_body(&format!("/{name}"), "invalid_field", message))
        }
    };
    let group = Group { code: word("code")?, step: word("step")? };
    if let Some(unknown) = fields.keys().next() {
        let pointer = format!("/{}", domain::pointer_step(unknown));
        let message = "there is no such field; the body has: code, step";
        return Err(Problem::invalid_body(&pointer, "unknown_field", message));
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn takes_a_code_and_a_step_and_nothing_else() {
        let named = |code: Option<&str>, step: Option<&str>| Group {
            code: code.map(str::to_owned),
            step: step.map(str::to_owned),
        };

        assert_eq!(group(json!(null)).unwrap(), Group::default());
        assert_eq!(group(json!({ "code": null })).unwrap(), Group::default());
        assert_eq!(group(json!({ "code": "a" })).unwrap(), named(Some("a"), None));
        assert_eq!(
            group(json!({ "code": "a", "step": "b" })).unwrap(),
            named(Some("a"), Some("b"))
        );
        for wrong in [
            json!("a"),
            json!(["a"]),
            json!({ "code": "" }),
            json!({ "step": 1 }),
            json!({ "step": "a\u{0}b" }),
            json!({ "code": "a", "force": true }),
        ] {
            assert_eq!(group(wrong.clone()).unwrap_err().status().as_u16(), 422, "{wrong}");
        }
    }
}
