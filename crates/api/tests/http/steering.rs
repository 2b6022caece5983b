//! Cancel and retry.

use axum::http::StatusCode;
use domain::OperationId;
use serde_json::{Value, json};

use crate::support::{App, tenant, tenants};

async fn act(app: &App, batch: OperationId, what: &str) -> crate::support::Answer {
    app.post(&format!("/batches/{batch}/{what}"), &Value::Null).await
}

#[tokio::test]
async fn a_cancelled_batch_gives_every_unbegun_name_back() {
    let app = App::start().await;
    let batch = app.submit(tenants(3)).await;

    let answer = act(&app, batch, "cancel").await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body["state"], "cancelled");
    assert_eq!(answer.body["progress"]["cancelled"], 3);
    assert_eq!(app.results(batch).await[0]["error"]["code"], "cancelled");
    app.submit(tenants(3)).await;
    let held = "select count(*) from tenantry.tenants where state = 'pending'";
    assert_eq!(app.count(held).await, 3);
}

#[tokio::test]
async fn what_a_worker_has_begun_is_left_to_it() {
    let app = App::start().await;
    let batch = app.submit(tenants(3)).await;
    sqlx::query("update tenantry.operation_items set state = 'running' where idx = 1")
        .execute(&app.db.pool)
        .await
        .unwrap();

    let first = act(&app, batch, "cancel").await;
    let again = act(&app, batch, "cancel").await;

    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(again.body["state"], "cancelling");
    let progress = &again.body["progress"];
    assert_eq!((&progress["running"], &progress["cancelled"]), (&json!(1), &json!(2)));
    let held = "select count(*) from tenantry.tenants where state = 'pending'";
    assert_eq!(app.count(held).await, 1);
}

#[tokio::test]
async fn an_item_with_something_to_undo_is_not_cancelled_under_its_worker() {
    let app = App::start().await;
    let batch = app.submit(tenants(2)).await;
    sqlx::query(
        "with i as (update tenantry.operation_items set state = 'retrying' where idx = 0 returning id)
         insert into tenantry.checkpoints (item_id, stage, attempt, steps)
         select id, 'tenant', 1, '[]' from i",
    )
    .execute(&app.db.pool)
    .await
    .unwrap();

    let answer = act(&app, batch, "cancel").await;

    assert_eq!(answer.body["state"], "cancelling");
    assert_eq!(answer.body["progress"]["retrying"], 1);
}

#[tokio::test]
async fn only_an_open_batch_is_cancelled_and_only_a_finished_one_retried() {
    let app = App::start().await;
    let open = app.submit(tenants(1)).await;
    let over = app.submit(vec![json!({})]).await;
    let unknown = OperationId::mint();

    let cancel_over = act(&app, over, "cancel").await;
    let retry_open = act(&app, open, "retry").await;

    assert_eq!((cancel_over.status, cancel_over.code()), (StatusCode::CONFLICT, "batch_finished"));
    assert_eq!((retry_open.status, retry_open.code()), (StatusCode::CONFLICT, "batch_open"));
    for what in ["cancel", "retry"] {
        let lost = act(&app, unknown, what).await;
        assert_eq!((lost.status, lost.code()), (StatusCode::NOT_FOUND, "batch_not_found"));
    }
}

#[tokio::test]
async fn a_retry_runs_what_failed_again_and_nothing_else() {
    let app = App::start().await;
    let mut items = tenants(4);
    items.push(json!({ "tenant_name": "", "domain": "x.example" }));
    let batch = app.submit(items).await;
    app.succeed(batch, 2).await;
    app.fail_rest(batch, "attempts_exhausted").await;
    app.settle(batch).await;
    app.execute("delete from apalis.jobs").await;
    let before = app.results(batch).await;

    let answer = act(&app, batch, "retry").await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.body["state"], "queued");
    assert!(answer.body["finished_at"].is_null());
    let after = app.results(batch).await;
    let states: Vec<&str> = after.iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["succeeded", "succeeded", "queued", "queued", "failed"]);
    assert!(after[2]["error"].is_null());
    assert_eq!(after[2]["tenant_id"], before[2]["tenant_id"]);
    assert_eq!(after[4]["error"]["code"], "invalid_tenant_name");
    let waiting = "select count(*) from tenantry.operation_items i join apalis.jobs j
             on (convert_from(j.job, 'UTF8')::jsonb ->> 'item')::bigint = i.id
        join tenantry.tenants t on t.id = i.tenant_id and t.state = 'pending'
        where i.state = 'queued' and i.tries = 0 and i.finished_at is null";
    assert_eq!(app.count(waiting).await, 2);
    let run = "select count(*) from tenantry.operations where run = 2 and deadline_at > now()";
    assert_eq!(app.count(run).await, 1);
}

/// `status code` of every item.
async fn told(app: &App, batch: OperationId) -> Vec<String> {
    let told = |r: &Value| {
        let code = r["error"]["code"].as_str().unwrap_or("-");
        format!("{} {code}", r["status"].as_str().unwrap())
    };
    app.results(batch).await.iter().map(told).collect()
}

#[tokio::test]
async fn a_retry_of_one_group_of_failures_leaves_the_others_as_they_are() {
    let app = App::start().await;
    let batch = app.submit(tenants(4)).await;
    app.fail_rest(batch, "timed_out").await;
    app.execute("update tenantry.operation_items set error_code = 'verify_failed' where idx > 1")
        .await;
    app.execute("update tenantry.operation_items set error_step = 'activate' where idx = 3").await;
    app.settle(batch).await;
    app.execute("delete from apalis.jobs").await;
    let retry = async |group: Value| app.post(&format!("/batches/{batch}/retry"), &group).await;

    let none = retry(json!({ "code": "timed_out", "step": "activate" })).await;
    let wrong = retry(json!({ "cod": "timed_out" })).await;
    let group = retry(json!({ "code": "verify_failed", "step": "activate" })).await;

    assert_eq!((none.status, none.code()), (StatusCode::CONFLICT, "nothing_to_retry"));
    assert_eq!((wrong.status.as_u16(), wrong.code()), (422, "unknown_field"));
    assert_eq!(group.status, StatusCode::ACCEPTED, "{group:?}");
    let expected = ["failed timed_out", "failed timed_out", "failed verify_failed", "queued -"];
    assert_eq!(told(&app, batch).await, expected);
    assert_eq!(app.with_jobs(batch).await, 1);
    let noted = "select count(*) from tenantry.audit_log where action = 'operation.retried'
        and detail ->> 'code' = 'verify_failed' and detail ->> 'step' = 'activate'";
    assert_eq!(app.count(noted).await, 1);
}

#[tokio::test]
async fn an_atomic_batch_is_not_retried_in_groups() {
    let app = App::start().await;
    let body = json!({ "tenants": tenants(2), "mode": "atomic" });
    let batch = app.post("/tenants/batch", &body).await.batch();
    app.fail_rest(batch, "timed_out").await;
    app.execute("update tenantry.operation_items set error_code = 'verify_failed' where idx = 1")
        .await;
    app.settle(batch).await;

    let group = json!({ "code": "timed_out" });
    let answer = app.post(&format!("/batches/{batch}/retry"), &group).await;

    assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "not_all_retryable"));
    assert_eq!(told(&app, batch).await, ["failed timed_out", "failed verify_failed"]);
}

#[tokio::test]
async fn a_retry_reserves_what_was_taken_and_is_free_now() {
    let app = App::start().await;
    let holder = app.submit(vec![tenant(1)]).await;
    let batch = app.submit(vec![tenant(1), tenant(2)]).await;
    app.succeed(batch, 1).await;
    app.settle(batch).await;

    let still_taken = act(&app, batch, "retry").await;
    act(&app, holder, "cancel").await;
    let free = act(&app, batch, "retry").await;

    assert_eq!(
        (still_taken.status, still_taken.code()),
        (StatusCode::CONFLICT, "nothing_to_retry")
    );
    assert_eq!(free.status, StatusCode::ACCEPTED);
    let result = &app.results(batch).await[0];
    assert_eq!(result["status"], "queued");
    assert!(result["tenant_id"].is_i64() && result["schema_name"].is_string());
}

#[tokio::test]
async fn an_item_whose_name_was_taken_since_then_stays_as_it_ended_and_says_why() {
    let app = App::start().await;
    let batch = app.submit(tenants(3)).await;
    act(&app, batch, "cancel").await;
    app.submit(vec![tenant(1)]).await;

    let answer = act(&app, batch, "retry").await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let results = app.results(batch).await;
    assert_eq!(results[1]["status"], "cancelled");
    assert_eq!(results[1]["error"]["code"], "domain_taken");
    assert_eq!(
        (&results[0]["status"], &results[2]["status"]),
        (&json!("queued"), &json!("queued"))
    );
    assert_eq!(answer.body["state"], "queued");
    let again = app.audited().await;
    assert_eq!(
        again,
        ["operation.submitted", "operation.cancelled", "operation.submitted", "operation.retried"]
    );
}
