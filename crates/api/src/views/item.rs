//! What became of an operation's items, as callers see it.

use contract::{FailedAttempt, HeldBy, Item, ItemError, ItemResult};
use domain::OperationId;
use engine::control::{self, ControlError};
use store::items::{self, Attempt, Holder};

use super::{Under, waiting};
use crate::{context::Context, http::problem::Problem};

pub(crate) fn item(item: items::ItemResult) -> ItemResult {
    ItemResult {
        index: item.index,
        tenant_name: item.tenant_name,
        status: item.state.into(),
        tenant_id: item.tenant_id,
        schema_name: item.schema_name,
        domain: item.domain,
        attempts: item.attempts,
        error: item.error.as_ref().map(error),
        steps: serde_json::from_value(item.steps).unwrap_or_default(),
        result: item.result,
    }
}

/// Why an item is not a tenant.
pub(crate) fn error(e: &domain::ItemError) -> ItemError {
    ItemError {
        code: e.code.as_str().to_owned(),
        message: e.told().into_owned(),
        step: e.step.clone(),
        retryable: e.retryable,
    }
}

/// One item with its tries and what it waits for.
///
/// # Errors
/// 404 when there is no such operation or item.
pub(crate) async fn read(cx: &Context, id: OperationId, index: u32) -> Result<Item, Problem> {
    Under::Operations.check(cx, id).await?;
    let mut conn = cx.pool().acquire().await?;
    let refused = |error| Under::Operations.refused(error);
    let missing = || refused(ControlError::ItemNotFound(id, index));
    let story = items::story(&mut conn, id, index).await?.ok_or_else(missing)?;
    let found = control::item(&mut conn, id, index).await.map_err(refused)?;
    let attempts = items::attempts(&mut conn, story.id).await?;
    drop(conn);
    let waiting_for = match story.state.is_final() && !story.state.holds_its_tenant() {
        true => None,
        false => {
            let staff = waiting::staff(cx, story.kind, waiting::set(&story.params)).await?;
            waiting::of_item(&story, &id.to_string(), &staff)
        }
    };
    Ok(Item {
        operation_id: id,
        kind: story.kind.into(),
        item: item(found),
        created_at: story.created_at,
        started_at: story.started_at,
        finished_at: story.finished_at,
        next_attempt_at: story.next_attempt_at,
        waiting_for,
        held_by: story.held_by.map(held_by),
        failed_attempts: attempts.into_iter().map(failed_attempt).collect(),
    })
}

fn held_by(it: Holder) -> HeldBy {
    HeldBy {
        operation_id: it.operation,
        kind: it.kind.into(),
        index: it.index,
        status: it.state.into(),
    }
}

pub(super) fn failed_attempt(it: Attempt) -> FailedAttempt {
    FailedAttempt {
        attempt: it.attempt,
        worker: it.worker,
        stage: it.stage,
        step: it.step,
        undo: it.undo,
        code: it.code,
        message: it.message,
        started_at: it.started_at,
        failed_at: it.failed_at,
    }
}
