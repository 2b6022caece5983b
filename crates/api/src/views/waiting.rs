//! Why tenants that wait do not move.

use chrono::{DateTime, Utc};
use contract::{OpenEnum, Operation, WaitingFor};
use domain::{ItemState, Kind, OperationId, OperationState, PauseReason};
use serde_json::Value;
use sqlx::PgConnection;
use store::{
    items::{self, Holder, Story},
    queue_state::{self, Staff},
};

use super::Under;
use crate::{context::Context, http::problem::Problem};

fn because(code: &str, message: impl Into<String>) -> WaitingFor {
    WaitingFor { code: code.to_owned(), message: message.into() }
}

/// What keeps every waiting tenant of the queue from being worked on.
pub(crate) async fn for_a_worker(cx: &Context) -> Result<Option<WaitingFor>, Problem> {
    Ok(of_queue(&staff(cx, Kind::Provision, None).await?, None))
}

/// The same of tenants that need `set`, if it is given.
fn of_queue(staff: &Staff, set: Option<&str>) -> Option<WaitingFor> {
    if staff.paused_at.is_some() {
        let message = "the queue is paused; `tenantry queue resume` lets it go on";
        return Some(because("queue_paused", message));
    }
    if staff.has_worker {
        return None;
    }
    Some(match (&staff.refused, set) {
        (Some(reason), _) => {
            because("worker_refused", format!("no worker runs; the last could not start: {reason}"))
        }
        (None, None) => because("no_worker", "no worker runs; start `tenantry-worker`"),
        (None, Some(set)) => {
            let what =
                format!("no worker has set {set}; start `tenantry-worker` with these migrations");
            because("no_worker", what)
        }
    })
}

/// What keeps an open operation from being worked on; `None` while a tenant of it is in work.
pub(crate) fn of_operation(
    operation: &Operation,
    staff: &Staff,
    under: Under,
) -> Option<WaitingFor> {
    let status = &operation.status;
    let counts = &status.progress.counts;
    let waits = counts.queued + counts.retrying > 0 && counts.running == 0;
    let may_run =
        matches!(status.state, OpenEnum::Known(OperationState::Queued | OperationState::Running));
    if !waits || !may_run {
        return None;
    }
    let id = operation.operation_id;
    if let Some(waits) = status.pause_reasons.as_deref().and_then(|it| by_itself(it, id)) {
        return Some(waits);
    }
    held_up(status.run_at, status.paused.then(|| id.to_string()), under)
        .or_else(|| of_queue(staff, set(&operation.params)))
        .or_else(|| {
            let all_tried = counts.queued == 0;
            all_tried.then(|| because("back_off", "every tenant waits for its next try"))
        })
}

/// What a rollout waits for, unless a person has paused it.
fn by_itself(reasons: &[OpenEnum<PauseReason>], id: OperationId) -> Option<WaitingFor> {
    let OpenEnum::Known(reason) = reasons.first()? else { return None };
    let what = match reason {
        PauseReason::User => return None,
        PauseReason::Gate => "a wave is over, and the next one waits for a person",
        PauseReason::Bake => "the bake time of a wave runs",
        PauseReason::Halt => "too much of a wave failed: `retry` tries that again",
        PauseReason::Unclear => "too few tenants of a wave were tried to say whether it went well",
    };
    let message = format!("{what}; POST /operations/{id}/promote lets it go on");
    Some(because("rollout_waits", message))
}

/// What holds up every item of an operation; `paused` is its id if it is paused.
fn held_up(
    run_at: Option<DateTime<Utc>>,
    paused: Option<String>,
    under: Under,
) -> Option<WaitingFor> {
    let noun = under.noun();
    if let Some(at) = run_at {
        return Some(because("later", format!("the {noun} begins at {}", at.to_rfc3339())));
    }
    let id = paused?;
    let message = format!("the {noun} is paused; `tenantry {noun} resume {id}` lets it go on");
    Some(because(&format!("{noun}_paused"), message))
}

/// What one item waits for; `None` when it is in work or over.
pub(crate) fn of_item(story: &Story, operation: &str, staff: &Staff) -> Option<WaitingFor> {
    let all =
        || held_up(story.run_at, story.paused.then(|| operation.to_owned()), Under::Operations);
    let queue = || of_queue(staff, set(&story.params));
    match story.state {
        ItemState::Queued | ItemState::Waiting => {
            all().or_else(|| story.held_by.as_ref().map(busy)).or_else(queue)
        }
        ItemState::Planned => held_up(story.run_at, None, Under::Operations)
            .or_else(|| Some(because("wave", "its wave has not begun, or has not come to it"))),
        ItemState::Retrying => all().or_else(queue).or_else(|| {
            let at = story.next_attempt_at?.to_rfc3339();
            Some(because("back_off", format!("the next try is at {at}")))
        }),
        ItemState::Stuck => Some(because(
            "operator",
            "remove the cause, then `tenantry item retry`; or see to it by hand, then `tenantry item resolve`",
        )),
        ItemState::UndoFailed => Some(because(
            "operator",
            "remove the cause, then `tenantry item undo`; or clean up by hand, then `tenantry item resolve`",
        )),
        _ => None,
    }
}

/// What the first item of an operation waits for that waits for its tenant, if one does.
pub(crate) async fn for_another(
    conn: &mut PgConnection,
    operation: OperationId,
) -> sqlx::Result<Option<WaitingFor>> {
    let Some(index) = items::first_waiting(conn, operation).await? else { return Ok(None) };
    let story = items::story(conn, operation, index).await?;
    Ok(story.and_then(|story| story.held_by).as_ref().map(busy))
}

fn busy(by: &Holder) -> WaitingFor {
    let Holder { operation, index, kind, state } = by;
    let message = format!(
        "item {index} of operation {operation} ({kind}, {state}) comes first at this tenant"
    );
    because("tenant_busy", message)
}

/// The set of migrations that an operation with these parameters needs.
pub(crate) fn set(params: &Value) -> Option<&str> {
    params.get("set")?.as_str()
}

/// The workers that would take work of this kind now, with this set if it needs one.
pub(crate) async fn staff(cx: &Context, kind: Kind, set: Option<&str>) -> Result<Staff, Problem> {
    let dead_after = cx.dead_after();
    let mut conn = cx.pool().acquire().await?;
    Ok(queue_state::staff(&mut conn, kind, set, dead_after).await?)
}
