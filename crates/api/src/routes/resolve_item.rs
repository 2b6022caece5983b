//! `POST /batches/{id}/items/{index}/resolve`: somebody has taken a tenant's remains away.

use axum::{Json, extract::State};
use domain::OperationId;
use engine::control;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    auth::CanAdminister,
    body,
    context::Context,
    documented::{BadSubmission, Common, NotFound},
    extract::{Document, Id},
    problem::{Problem, ProblemBody},
    results_view::ResultView,
};

/// Most characters of a note.
const LONGEST_NOTE: usize = 1000;

/// What was done about a tenant's remains.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct Resolution {
    /// What was done, for those who read the audit log: 1 to 1000 characters.
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"^[^\x00-\x20\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
        example = "dropped schema and role by hand, ticket 4711"
    )]
    note: String,
}

/// Say that a tenant's remains are gone
///
/// For an item in `undo_failed` whose schema and role somebody has removed by hand: it ends as
/// `failed`, its names are free again, its keys are revoked. The note goes into the audit log.
#[utoipa::path(
    post,
    path = "/batches/{id}/items/{index}/resolve",
    tag = "batches",
    params(
        ("id" = OperationId, Path, description = "The batch"),
        ("index" = u32, Path, description = "The item's place in the request, from 0"),
    ),
    request_body = Resolution,
    responses(
        (status = 200, description = "The item, `failed`", body = ResultView),
        (status = 409, description = "Its undo did not fail (`item_not_undo_failed`)",
            body = ProblemBody, content_type = "application/problem+json"),
        BadSubmission,
        NotFound,
        Common,
    ),
)]
pub(crate) async fn resolve_item(
    CanAdminister(caller): CanAdminister,
    State(cx): State<Context>,
    Id((batch, index)): Id<(OperationId, u32)>,
    document: Document,
) -> Result<Json<ResultView>, Problem> {
    let note = note(body::json(&document.bytes)?)?;
    let pool = cx.pool();
    control::resolve(&pool, caller.by(), batch, index, &note).await?;
    cx.counts().forget(batch);
    Ok(Json(control::item(&mut *pool.acquire().await?, batch, index).await?.into()))
}

/// The note of a body that has nothing else.
fn note(body: Value) -> Result<String, Problem> {
    let Value::Object(mut fields) = body else {
        let message = "the body must be an object: {\"note\": \"...\"}";
        return Err(Problem::invalid_body("", "invalid_field", message));
    };
    let note = match fields.remove("note") {
        Some(Value::String(note)) => note.trim().to_owned(),
        Some(_) => return Err(Problem::invalid_body("/note", "invalid_field", "must be a string")),
        None => return Err(Problem::invalid_body("/note", "missing_field", "is missing")),
    };
    if let Some(unknown) = fields.keys().next() {
        let pointer = format!("/{}", domain::pointer_step(unknown));
        let message = "there is no such field; the body has: note";
        return Err(Problem::invalid_body(&pointer, "unknown_field", message));
    }
    let fits = (1..=LONGEST_NOTE).contains(&note.chars().count());
    if !fits || note.chars().any(|c| c.is_control() && c != '\n') {
        let message = format!("must be 1 to {LONGEST_NOTE} characters, none of them control ones");
        return Err(Problem::invalid_body("/note", "invalid_field", &message));
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
