//! One item: its tries, what it waits for, and its repair when it is stuck.

use axum::http::StatusCode;
use domain::OperationId;
use serde_json::{Value, json};

use crate::{operations::fleet, support::App};

async fn show(app: &App, operation: OperationId, index: u32) -> Value {
    app.get(&format!("/operations/{operation}/items/{index}")).await.body
}

async fn waits(app: &App, operation: OperationId) -> String {
    let shown = show(app, operation, 0).await;
    shown["waiting_for"]["code"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned()
}

/// A migration of tenants 1 and 2, both stuck past a committed stage.
pub(crate) async fn stuck(app: &App) -> OperationId {
    let id = app.migrate(&[1, 2]).await;
    app.execute(
        "with i as (
             update tenantry.operation_items i
             set state = 'stuck', tries = 6, attempt = 6, finished_at = now(), started_at = now(),
                 error_code = 'migration_failed', error_message = 'no room', error_step = 'migrate_schema'
             from tenantry.operations o where o.id = i.operation_id and o.kind = 'migrate'
             returning i.id
         ), tries as (
             insert into tenantry.item_attempts
                 (item_id, attempt, worker_id, stage, step, undo, code, message, started_at)
             select id, n, 'w1', 'migrate', 'migrate_schema', false, 'migration_failed', 'no room', now()
             from i, generate_series(1, 2) n
         )
         insert into tenantry.checkpoints (item_id, stage, attempt, steps) select id, 'one', 1, '[]' from i",
    )
    .await;
    app.settle(id).await;
    app.execute("delete from apalis.jobs").await;
    id
}

#[tokio::test]
async fn an_item_tells_its_tries_and_that_an_operator_is_needed() {
    let app = fleet(2).await;
    let id = stuck(&app).await;

    let shown = show(&app, id, 0).await;

    assert_eq!((&shown["kind"], &shown["status"]), (&json!("migrate"), &json!("stuck")));
    assert_eq!(shown["waiting_for"]["code"], "operator");
    let tries = shown["failed_attempts"].as_array().unwrap();
    assert_eq!(
        (tries.len(), &tries[0]["worker"], &tries[1]["attempt"]),
        (2, &json!("w1"), &json!(2))
    );
    assert_eq!(tries[0]["step"], "migrate_schema");
    for time in ["created_at", "started_at", "finished_at"] {
        assert!(shown[time].is_string(), "{time}: {shown}");
    }
    let missing = app.get(&format!("/operations/{id}/items/7")).await;
    assert_eq!((missing.status.as_u16(), missing.code()), (404, "item_not_found"));
    let unknown = app.get(&format!("/operations/{}/items/0", OperationId::mint())).await;
    assert_eq!(unknown.code(), "operation_not_found");
}

#[tokio::test]
async fn an_item_says_what_it_waits_for() {
    let app = fleet(1).await;
    let first = app.migrate(&[1]).await;
    let second = app.migrate(&[1]).await;
    assert_eq!(show(&app, first, 0).await["waiting_for"], Value::Null, "for its turn");

    let behind = show(&app, second, 0).await;
    app.post(&format!("/operations/{second}/pause"), &Value::Null).await;
    let paused = waits(&app, second).await;
    app.execute("update tenantry.workers set stopped_at = now()").await;
    let idle = show(&app, first, 0).await["waiting_for"].clone();
    app.worker_with("other").await;
    let other_set = waits(&app, first).await;
    app.worker_with("5e7").await;
    app.execute(
        "update tenantry.operation_items i set state = 'retrying', next_attempt_at = now() + interval '1 hour'
         from tenantry.operations o where o.id = i.operation_id and o.kind = 'migrate' and o.paused_at is null",
    )
    .await;
    let later = waits(&app, first).await;

    assert_eq!(behind["waiting_for"]["code"], "tenant_busy", "{behind}");
    assert_eq!(behind["held_by"]["operation_id"], first.to_string());
    assert_eq!(
        (&behind["held_by"]["index"], &behind["held_by"]["kind"]),
        (&json!(0), &json!("migrate"))
    );
    assert_eq!((paused.as_str(), later.as_str()), ("operation_paused", "back_off"));
    assert_eq!((&idle["code"], other_set.as_str()), (&json!("no_worker"), "no_worker"));
    assert!(idle["message"].as_str().unwrap().contains("no worker has set 5e7"), "{idle}");
}

#[tokio::test]
async fn what_waits_for_a_worker_with_another_set_holds_up_nothing() {
    let app = fleet(1).await;
    app.migrate(&[1]).await;
    let second = app.migrate(&[1]).await;
    app.execute(
        r#"update tenantry.operations set params = params || '{"set": "other"}'
           where id = (select id from tenantry.operations order by id desc limit 1)"#,
    )
    .await;
    app.worker_with("other").await;

    let shown = show(&app, second, 0).await;

    assert_eq!((&shown["held_by"], &shown["waiting_for"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn an_operation_that_waits_for_another_one_says_so() {
    let app = fleet(1).await;
    app.migrate(&[1]).await;
    let second = app.migrate(&[1]).await;
    app.execute(
        "update tenantry.operation_items set state = 'waiting'
         where id = (select max(id) from tenantry.operation_items)",
    )
    .await;

    let shown = app.get(&format!("/operations/{second}")).await.body;

    assert_eq!(shown["waiting_for"]["code"], "tenant_busy", "{shown}");
}

#[tokio::test]
async fn a_cancel_wakes_what_waits_behind_it() {
    let app = fleet(1).await;
    let first = app.migrate(&[1]).await;
    app.migrate(&[1]).await;
    app.execute(
        "update tenantry.operation_items set state = 'waiting'
         where id = (select max(id) from tenantry.operation_items)",
    )
    .await;
    app.execute("delete from apalis.jobs").await;

    app.command(&format!("/operations/{first}/cancel"), &Value::Null).await;

    assert_eq!(app.count("select count(*) from apalis.jobs").await, 1);
}

#[tokio::test]
async fn a_stuck_item_goes_on_where_it_is_in_an_operation_that_is_open_again() {
    let app = fleet(2).await;
    let id = stuck(&app).await;

    let answer = app.command(&format!("/operations/{id}/items/0/retry"), &Value::Null).await;
    let twice = app.command(&format!("/operations/{id}/items/0/retry"), &Value::Null).await;

    assert_eq!((answer.status, &answer.body["status"]), (StatusCode::ACCEPTED, &json!("retrying")));
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "item_not_stuck"));
    assert_eq!(app.get(&format!("/operations/{id}")).await.body["state"], "running");
    assert_eq!(app.with_jobs(id).await, 1);
    let kept = "select count(*) from tenantry.checkpoints c join tenantry.operation_items i
        on i.id = c.item_id where c.undone_at is null and i.tries = 0";
    assert_eq!(app.count(kept).await, 1);
    assert_eq!(app.audited().await.last().unwrap(), "item.retried");
}

#[tokio::test]
async fn a_stuck_item_that_is_resolved_has_failed_and_its_tenant_is_as_it_was() {
    let app = fleet(2).await;
    let id = stuck(&app).await;
    let next = app.migrate(&[1]).await;
    app.execute("update tenantry.operation_items set state = 'waiting' where state = 'queued'")
        .await;
    app.execute("delete from apalis.jobs").await;

    let body = json!({ "note": "migrated by hand" });
    let undo = app.command(&format!("/operations/{id}/items/0/undo"), &Value::Null).await;
    let answer = app.command(&format!("/operations/{id}/items/0/resolve"), &body).await;
    let twice = app.command(&format!("/operations/{id}/items/0/resolve"), &body).await;

    assert_eq!((undo.status, undo.code()), (StatusCode::CONFLICT, "item_not_undo_failed"));
    assert_eq!((answer.status, &answer.body["status"]), (StatusCode::OK, &json!("failed")));
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "item_not_undo_failed"));
    let same =
        "select count(*) from tenantry.tenants t join tenantry.api_keys k on k.tenant_id = t.id
        where t.state = 'active' and k.revoked_at is null and k.sealed is not null";
    assert_eq!(app.count(same).await, 2);
    let done = "select count(*) from tenantry.checkpoints where undone_at is null";
    assert_eq!(app.count(done).await, 2);
    assert_eq!(app.with_jobs(next).await, 1, "the next at this tenant is woken");
}
