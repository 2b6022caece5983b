//! What is done to an operation or to one item of it, under either of its names.

use axum::{Json, response::Response};
use domain::OperationId;
use engine::control::{self, ControlError, Group};
use serde_json::Value;

use crate::{
    context::Context,
    http::{body::Document, problem::Problem, wait::Held},
    views::{Under, item::item},
};

/// What the same request did before is done.
pub(super) fn done<T>(act: Result<T, ControlError>) -> Result<(), ControlError> {
    match act {
        Ok(_) | Err(ControlError::DoneBefore) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Does `it` to the operation that is found `under` this name.
///
/// # Errors
/// 404 if there is no such operation under this name; 409 if its state does not allow it.
pub(super) async fn act<T>(
    cx: &Context,
    under: Under,
    id: OperationId,
    it: impl Future<Output = Result<T, ControlError>>,
) -> Result<(), Problem> {
    under.check(cx, id).await?;
    let done = done(it.await);
    cx.counts.forget(id);
    done.map_err(|error| under.refused(error))
}

/// Does `it` to one item, and shows the item as it is then.
///
/// # Errors
/// As [`act`].
pub(super) async fn repair<T>(
    cx: &Context,
    under: Under,
    (id, index): (OperationId, u32),
    it: impl Future<Output = Result<T, ControlError>>,
) -> Result<Json<contract::ItemResult>, Problem> {
    act(cx, under, id, it).await?;
    shown(cx, under, (id, index)).await
}

/// Has a worker do something to one item: 202 with the item, or 200 if its operation is over within the wait.
///
/// # Errors
/// As [`act`].
pub(super) async fn set_going<T>(
    cx: &Context,
    under: Under,
    (id, index): (OperationId, u32),
    held: &Held,
    it: impl Future<Output = Result<T, ControlError>>,
) -> Result<Response, Problem> {
    act(cx, under, id, it).await?;
    let status = held.status(cx, id).await?;
    Ok(held.told((status, shown(cx, under, (id, index)).await?)))
}

async fn shown(
    cx: &Context,
    under: Under,
    (id, index): (OperationId, u32),
) -> Result<Json<contract::ItemResult>, Problem> {
    let found = control::item(&mut *cx.pool().acquire().await?, id, index).await;
    found.map(|found| Json(item(found))).map_err(|error| under.refused(error))
}

/// The group of failures that a body names; no body and no field stand for all of them.
pub(super) fn group(document: &Document) -> Result<Group, Problem> {
    document.json_if_any()?.map_or_else(|| Ok(Group::default()), group_of)
}

fn group_of(body: Value) -> Result<Group, Problem> {
    let mut fields = match body {
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
    match fields.keys().next() {
        None => Ok(group),
        Some(unknown) => Err(Problem::unknown_field(unknown, "code, step")),
    }
}

const LONGEST_NOTE: usize = 1000;

/// The note of a body that has nothing else.
pub(super) fn note(body: Value) -> Result<String, Problem> {
    only_text(body, "note")
}

/// The reason of a body that has nothing else.
pub(super) fn reason(body: Value) -> Result<String, Problem> {
    only_text(body, "reason")
}

fn only_text(body: Value, name: &str) -> Result<String, Problem> {
    let pointer = format!("/{name}");
    let Value::Object(mut fields) = body else {
        let message = format!("the body must be an object: {{\"{name}\": \"...\"}}");
        return Err(Problem::invalid_body("", "invalid_field", &message));
    };
    let note = match fields.remove(name) {
        Some(Value::String(note)) => note.trim().to_owned(),
        Some(_) => {
            return Err(Problem::invalid_body(&pointer, "invalid_field", "must be a string"));
        }
        None => return Err(Problem::invalid_body(&pointer, "missing_field", "is missing")),
    };
    if let Some(unknown) = fields.keys().next() {
        return Err(Problem::unknown_field(unknown, name));
    }
    let fits = (1..=LONGEST_NOTE).contains(&note.chars().count());
    if !fits || note.chars().any(|c| c.is_control() && c != '\n') {
        let message = format!("must be 1 to {LONGEST_NOTE} characters, none of them control ones");
        return Err(Problem::invalid_body(&pointer, "invalid_field", &message));
    }
    Ok(note)
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

        assert_eq!(group_of(json!({ "code": null })).unwrap(), Group::default());
        assert_eq!(group_of(json!({ "code": "a" })).unwrap(), named(Some("a"), None));
        assert_eq!(
            group_of(json!({ "code": "a", "step": "b" })).unwrap(),
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
            assert_eq!(group_of(wrong.clone()).unwrap_err().status().as_u16(), 422, "{wrong}");
        }
    }

    #[test]
    fn takes_a_note_and_nothing_else() {
        assert_eq!(note(json!({ "note": " dropped it " })).unwrap(), "dropped it");
        for wrong in [
            json!("dropped it"),
            json!({}),
            json!({ "note": 1 }),
            json!({ "note": " " }),
            json!({ "note": "a\u{0}b" }),
            json!({ "note": "x".repeat(1001) }),
            json!({ "note": "x", "force": true }),
        ] {
            assert_eq!(note(wrong.clone()).unwrap_err().status().as_u16(), 422, "{wrong}");
        }
    }
}
