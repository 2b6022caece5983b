//! Tenants whose undo failed: an operator has to see to them.

use axum::http::StatusCode;
use domain::OperationId;
use serde_json::{Value, json};

use crate::support::{App, tenants};

/// A batch that is over, its item 1 in `undo_failed` with a committed stage and a live key.
pub(crate) async fn stuck(app: &App) -> OperationId {
    let batch = app.submit(tenants(3)).await;
    app.succeed(batch, 2).await;
    app.fail_rest(batch, "attempts_exhausted").await;
    app.settle(batch).await;
    app.execute(
        "with i as (
             update tenantry.operation_items
             set state = 'undo_failed', tries = 6, error_code = 'verify_failed',
                 error_message = 'it failed'
             where idx = 1 returning id, tenant_id
         ), t as (
             update tenantry.tenants t set state = 'pending' from i where t.id = i.tenant_id
         )
         insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select id, 'tenant', 1, '[]' from i",
    )
    .await;
    app.execute("delete from apalis.jobs").await;
    batch
}

#[tokio::test]
async fn an_undo_is_tried_again_with_fresh_tries_in_a_batch_that_is_open_until_it_ends() {
    let app = App::start().await;
    let batch = stuck(&app).await;

    let answer = app.command(&format!("/batches/{batch}/items/1/undo"), &Value::Null).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!((&answer.body["index"], &answer.body["status"]), (&json!(1), &json!("unwinding")));
    assert_eq!(answer.body["error"]["code"], "verify_failed", "why it turned back is kept");
    let going = "select count(*) from tenantry.operation_items i join apalis.jobs j
             on (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id
        where i.idx = 1 and i.tries = 0 and i.worker_id is null and i.finished_at is null";
    assert_eq!(app.count(going).await, 1);
    let shown = app.get(&format!("/batches/{batch}")).await.body;
    assert_eq!((&shown["state"], &shown["finished_at"]), (&json!("running"), &Value::Null));
    app.execute("update tenantry.operation_items set state = 'failed' where idx = 1").await;
    app.settle(batch).await;
    let shown = app.get(&format!("/batches/{batch}")).await.body;
    assert_eq!(shown["state"], "completed_with_failures");
    assert_eq!(app.audited().await.last().unwrap(), "item.undo_retried");
}

#[tokio::test]
async fn a_batch_that_is_all_or_nothing_turns_back_again_and_ends_as_it_did() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(2), "mode": "atomic" });
    let batch = app.post("/tenants/batch", &body).await.batch();
    app.fail_rest(batch, "verify_failed").await;
    app.settle(batch).await;
    app.execute(
        "with i as (update tenantry.operation_items set state = 'undo_failed' where idx = 1 returning *)
         update tenantry.tenants t set state = 'pending' from i where t.id = i.tenant_id",
    )
    .await;
    let state = async || app.get(&format!("/batches/{batch}")).await.body["state"].clone();
    assert_eq!(state().await, "rolled_back");

    let answer = app.command(&format!("/batches/{batch}/items/1/undo"), &Value::Null).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(state().await, "rolling_back");
    app.execute("update tenantry.operation_items set state = 'rolled_back' where idx = 1").await;
    app.settle(batch).await;
    assert_eq!(state().await, "rolled_back");
}

#[tokio::test]
async fn a_resolved_item_has_failed_and_left_nothing_in_the_registry() {
    let app = App::start().await;
    let batch = stuck(&app).await;
    let body = json!({ "note": "dropped by hand" });

    let answer = app.command(&format!("/batches/{batch}/items/1/resolve"), &body).await;

    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.body["status"], "failed");
    let gone = "select count(*) from tenantry.operation_items i
        join tenantry.tenants t on t.id = i.tenant_id and t.state = 'released'
        join tenantry.checkpoints c on c.item_id = i.id and c.undone_at is not null
        join tenantry.api_keys k on k.tenant_id = t.id
             and k.revoked_at is not null and k.sealed is null
        where i.idx = 1";
    assert_eq!(app.count(gone).await, 1);
    let others = "select count(*) from tenantry.tenants where state = 'active'";
    assert_eq!(app.count(others).await, 1, "its neighbour");
    let noted = "select count(*) from tenantry.audit_log where action = 'item.resolved'
        and personal ->> 'note' = 'dropped by hand' and tenant_id is not null and not detail ? 'note'";
    assert_eq!(app.count(noted).await, 1);
    let retried = app.post(&format!("/batches/{batch}/retry"), &Value::Null).await;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{retried:?}");
}

#[tokio::test]
async fn only_an_item_whose_undo_failed_is_seen_to() {
    let app = App::start().await;
    let batch = stuck(&app).await;
    let note = json!({ "note": "x" });

    for what in ["undo", "resolve"] {
        let act = async |batch: OperationId, index: &str| {
            app.command(&format!("/batches/{batch}/items/{index}/{what}"), &note).await
        };
        let fine = act(batch, "0").await;
        assert_eq!((fine.status, fine.code()), (StatusCode::CONFLICT, "item_not_undo_failed"));
        assert_eq!(act(batch, "3").await.code(), "item_not_found");
        assert_eq!(act(OperationId::mint(), "0").await.code(), "batch_not_found");
        assert_eq!(act(batch, "x").await.code(), "not_found");
    }
    let silent = app.command(&format!("/batches/{batch}/items/1/resolve"), &json!({})).await;
    assert_eq!((silent.status.as_u16(), silent.code()), (422, "missing_field"));
}
