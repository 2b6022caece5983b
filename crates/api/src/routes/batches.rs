//! `/batches` and `/batches/{id}`: batches, how far each is, and what operators do to one.

use axum::{Json, extract::State, response::Response};
use contract::{Batch, BatchPage};
use domain::OperationId;
use engine::control::{self, Group, Retry};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use store::operations;

use super::submit::accepted;
use crate::{
    context::Context,
    http::{
        auth::{CanOperate, CanView},
        body::Document,
        cursor::List,
        documented::{BadParameter, BadSubmission, Common, NotFound},
        extract::{Id, Params, limit},
        problem::{Problem, ProblemBody},
    },
    views::batch,
};

/// Most batches of one page.
const MOST: u32 = 200;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Start after this `next_cursor` of this list, and of no other text.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// List batches
#[utoipa::path(
    get,
    path = "/batches",
    tag = "batches",
    params(ListParams),
    responses(
        (status = 200, description = "Newest first", body = BatchPage),
        BadParameter,
        Common,
    ),
)]
pub(crate) async fn list_batches(
    _: CanView,
    State(cx): State<Context>,
    Params(params): Params<ListParams>,
) -> Result<Json<BatchPage>, Problem> {
    let limit = limit(params.limit, 50, MOST)?;
    let before = params.cursor.as_deref().map(|c| List::Batches.after(c)).transpose()?;
    let mut conn = cx.pool().acquire().await?;
    let found = operations::list(&mut conn, before, i64::from(limit) + 1).await?;
    let (found, next_cursor) = List::Batches.page(found, limit, |batch| batch.id);
    let batches = found.into_iter().map(|line| batch::summary(line, cx.public_path())).collect();
    Ok(Json(BatchPage { batches, next_cursor }))
}

/// Show a batch
#[utoipa::path(
    get,
    path = "/batches/{id}",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses((status = 200, description = "The batch", body = Batch), NotFound, Common),
)]
pub(crate) async fn get_batch(
    _: CanView,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Batch>, Problem> {
    Ok(Json(batch::read(&cx, id).await?))
}

/// Cancel a batch
///
/// Tenants that no worker has begun are cancelled and give their names back; those in work are
/// stopped and undone at the next safe point, or end as they would have; of a batch that is all or
/// nothing, those that are built are undone too. It ends a pause. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/batches/{id}/cancel",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 202, description = "The batch, `cancelling` or over", body = Batch),
        (status = 409, description = "It is over (`batch_finished`), or being \
            rolled back (`batch_ending`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn cancel_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Response, Problem> {
    control::cancel(&cx.pool(), caller.by(), id).await?;
    cx.counts().forget(id);
    accepted(&cx, id).await
}

/// Pause a batch
///
/// Workers start no more of its items until it is resumed; items in progress finish. The deadline keeps
/// running: a batch that is still paused then is cancelled. A batch with a later `run_at` does not start
/// while it is paused.
#[utoipa::path(
    post,
    path = "/batches/{id}/pause",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch, paused", body = Batch),
        (status = 409, description = "It is paused (`batch_paused`), being stopped or \
            rolled back (`batch_ending`), or over (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn pause_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Batch>, Problem> {
    control::pause(&cx.pool(), caller.by(), id).await?;
    Ok(Json(batch::read(&cx, id).await?))
}

/// Resume a batch
///
/// What waits is given to the workers again, at once.
#[utoipa::path(
    post,
    path = "/batches/{id}/resume",
    tag = "batches",
    params(("id" = OperationId, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch, going on", body = Batch),
        (status = 409, description = "It is not paused (`batch_not_paused`), or over \
            (`batch_finished`)", body = ProblemBody,
            content_type = "application/problem+json"),
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resume_batch(
    CanOperate(caller): CanOperate,
    State(cx): State<Context>,
    Id(id): Id<OperationId>,
) -> Result<Json<Batch>, Problem> {
    control::resume(&cx.pool(), caller.by(), id).await?;
    Ok(Json(batch::read(&cx, id).await?))
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
    request_body = Option<contract::FailureGroup>,
    responses(
        (status = 202, description = "The batch, going again", body = Batch),
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
        _ => group(document.json()?)?,
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
